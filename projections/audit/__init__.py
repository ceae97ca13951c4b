"""Audit: pure rules over key records, the policy that parameterizes them, their findings and the report."""
