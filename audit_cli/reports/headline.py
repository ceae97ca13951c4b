"""What every report says of itself before it says anything of keys."""

from collections import Counter

from projections.audit.report import AuditReport
from projections.audit.severity import WORST_FIRST
from projections.audit.usage_state import UsageState


def headline(report: AuditReport) -> list[tuple[str, str]]:
    """Whose audit of what, by which measure: labels and texts, in order."""
    policy = ", ".join(f"{name}={_setting(value)}" for name, value in report.policy.items())
    sealed = "not sealed" if report.checkpoint is None else f"checkpoint {report.checkpoint}"
    return [
        ("Organization", report.organization),
        ("As of", report.as_of),
        ("Ledger", f"position {report.position}, {sealed}"),
        ("Policy", policy),
        ("Policy hash", report.policy_sha256),
        ("Versions", f"rules {report.rules_version}, keyledger {report.tool_version}"),
    ]


def summary(report: AuditReport) -> str:
    """The figures in two sentences: findings by severity, and how the active keys are used."""
    return f"{_findings(report)} {_usage(report)}"


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


def _setting(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
