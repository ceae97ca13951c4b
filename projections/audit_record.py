"""What a run of an audit is recorded with: all that deriving its report again takes, and what it said."""

import msgspec

from ledger.audit_runs import Outcome
from ledger.moments import parse_moment
from projections.audit.policy import Policy
from projections.audit.report import AuditReport


def outcome_of(policy: Policy, report: AuditReport, *, include_temporary: bool) -> Outcome:
    """The record of a report that was made by a policy."""
    return Outcome(
        judged_at=parse_moment(report.as_of),
        position=report.position,
        policy=msgspec.json.encode(policy.canonical(), order="sorted").decode(),
        rules_version=report.rules_version,
        tool_version=report.tool_version,
        rules=tuple(report.summary.by_rule),
        report_sha256=report.sha256(),
        keys=report.summary.keys,
        findings=report.summary.findings,
        waived=report.summary.waived,
        open_findings=b"".join(bytes.fromhex(finding.id) for finding in report.open_findings),
        include_temporary=include_temporary,
    )
