"""Remediation plans: which keys are to end, who would notice, and what has become of a plan since."""
