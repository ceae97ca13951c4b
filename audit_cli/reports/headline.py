"""What every report says of itself before it says anything of keys."""

from collections import Counter
from typing import TYPE_CHECKING

from audit_cli.reports.policy_line import policy_line
from projections.audit.findings import Finding
from projections.audit.measure import Measures
from projections.audit.policy_document import read_policy
from projections.audit.report import AuditReport
from projections.audit.rules import RULES
from projections.audit.severity import WORST_FIRST
from projections.audit.usage_state import UsageState

if TYPE_CHECKING:
    from projections.audit.compliance import ComplianceReport


def headline(report: "AuditReport | ComplianceReport") -> list[tuple[str, str]]:
    """Whose audit of what, by which measure: labels and texts, in order."""
    sealed = "not sealed" if report.checkpoint is None else f"checkpoint {report.checkpoint}"
    return [
        ("Organization", report.organization),
        ("As of", report.as_of),
        ("Ledger", f"position {report.position}, {sealed}"),
        ("Policy", policy_line(report.policy)),
        ("Policy hash", report.policy_sha256),
        *_narrowed(report),
        ("Versions", f"rules {report.rules_version}, keyledger {report.tool_version}"),
    ]


def summary(report: AuditReport) -> str:
    """The figures in two sentences: findings by severity, and how the active keys are used."""
    return f"{_findings(report)} {_usage(report)}"


def changes(report: AuditReport) -> list[str]:
    """What has changed since an earlier audit, in a sentence, then what is resolved; nothing unless asked."""
    if report.since is None:
        return []
    since = report.since
    counts = f"{len(since.new)} new, {len(since.persisting)} persisting, {len(since.resolved)} resolved"
    gone = [f"{each.rule} on {each.key_name}" if each.rule else each.id for each in since.resolved]
    told = f": {', '.join(gone)}" if gone else ""
    return [f"Since {since.since}: {counts}{told}."]


def told(finding: Finding) -> str:
    """What a finding says, and by whom it was accepted."""
    waiver = finding.waiver
    if waiver is None:
        return finding.message
    owner = f" by {waiver.owner}" if waiver.owner else ""
    return f"{finding.message} (waived until {waiver.until}{owner}: {waiver.reason})"


def _narrowed(report: "AuditReport | ComplianceReport") -> list[tuple[str, str]]:
    """The rules, where not all were asked that the policy has on: no finding of theirs is no clean audit."""
    if not isinstance(report, AuditReport):
        return []
    policy, unknown = read_policy(report.policy, [rule.id for rule in RULES])
    asked = report.summary.by_rule
    # A newer server's may know more than this.
    if unknown or all(rule.id in asked for rule in Measures(policy, RULES).rules):
        return []
    return [("Rules", f"only {', '.join(asked)}")]


def _findings(report: AuditReport) -> str:
    counts = report.summary.by_severity
    found = ", ".join(f"{counts[severity]} {severity}" for severity in WORST_FIRST if counts[severity])
    waived = f", {report.summary.waived} waived" if report.summary.waived else ""
    text = f"{_counted(report.summary.keys, 'key')}, {_counted(report.summary.findings, 'finding')}{waived}"
    return f"{text}: {found}." if found else f"{text}."


def _usage(report: AuditReport) -> str:
    active = Counter(each.usage for each in report.judged if each.is_active)
    states = ", ".join(f"{active[usage]} {usage}" for usage in UsageState if active[usage])
    return f"Active keys: {states or 'none'}."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
