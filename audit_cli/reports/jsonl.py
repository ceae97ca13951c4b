"""The report as JSON Lines: a summary line, then lines that can stand alone: findings, assessments."""

import msgspec

from projections.audit.report import AuditReport

SUMMARY_SCHEMA = "keyledger.audit-summary/1"
FINDING_SCHEMA = "keyledger.finding/1"
ASSESSMENT_SCHEMA = "keyledger.assessment/1"

_SCOPE = ("organization", "as_of", "position", "checkpoint", "policy_sha256", "rules_version", "tool_version")


def render_jsonl(report: AuditReport) -> str:
    """One object a line; a clean audit still has its summary line, which an audit that failed has not."""
    scope = {name: getattr(report, name) for name in _SCOPE}
    since = {} if report.since is None else {"since": report.since}
    about = {"policy": report.policy, "summary": report.summary}
    lines = [{"schema": SUMMARY_SCHEMA, **scope, **about, **since}]
    lines += [
        {"schema": FINDING_SCHEMA, **scope, **msgspec.structs.asdict(finding)} for finding in report.findings
    ]
    lines += [
        {"schema": ASSESSMENT_SCHEMA, **scope, **msgspec.structs.asdict(assessment)}
        for assessment in report.assessments or ()
    ]
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)
