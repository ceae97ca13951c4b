"""The report as a table for people at a terminal."""

from audit_cli.reports.columns import GAP, SEVERITY_WIDTH, columns
from audit_cli.reports.headline import headline, summary
from audit_cli.reports.terminal import MIN_WIDTH, painted, printable, wrapped
from projections.audit.findings import Finding, FindingStatus
from projections.audit.report import AuditReport

_SHORT_ID = 8
_HINT = "`keyledger explain RULE` says what a finding means and what to do about it."


def render_table(report: AuditReport, width: int = 80, *, color: bool = False) -> str:
    """The report in lines of at most `width` characters (40 at least)."""
    width = max(width, MIN_WIDTH)
    parts = [_headline(report, width)]
    if report.findings:
        parts.append(_findings(report.findings, width, color=color))
    parts.append(wrapped(summary(report), width))
    if report.findings:
        parts.append(wrapped(_HINT, width))
    return "\n\n".join(parts) + "\n"


def _headline(report: AuditReport, width: int) -> str:
    lines = headline(report)
    margin = max(len(label) for label, _ in lines) + GAP
    return "\n".join(
        wrapped(text, width, indent=label.ljust(margin), hanging=" " * margin) for label, text in lines
    )


def _findings(findings: list[Finding], width: int, *, color: bool) -> str:
    room = width - SEVERITY_WIDTH - 2 * GAP
    longest_name = max(len(printable(finding.key_name)) for finding in findings)
    key_width = min(max(longest_name, _SHORT_ID), room // 3)
    rows = [
        (
            _severity(finding, color=color),
            f"{wrapped(finding.key_name, key_width)}\n{finding.key_id[:_SHORT_ID]}",
            f"{wrapped(finding.rule, room - key_width)}\n{wrapped(finding.message, room - key_width)}",
        )
        for finding in findings
    ]
    return columns(("Severity", "Key", "Finding"), rows)


def _severity(finding: Finding, *, color: bool) -> str:
    severity = painted(finding.severity, color=color)
    return f"{severity}\nwaived" if finding.status is FindingStatus.WAIVED else severity
