"""The report as a table for people at a terminal."""

from audit_cli.reports.assessed import assessed_table
from audit_cli.reports.columns import GAP, SEVERITY_WIDTH, columns
from audit_cli.reports.headline import changes, headline, summary, told
from audit_cli.reports.terminal import MIN_WIDTH, painted, printable, wrapped
from projections.audit.findings import Finding, FindingStatus
from projections.audit.report import AuditReport

_SHORT_ID = 8
_HINT = "`keyledger explain RULE` says what a finding means and what to do about it."


def render_table(report: AuditReport, width: int = 80, *, color: bool = False) -> str:
    """The report in lines of at most `width` characters (40 at least)."""
    width = max(width, MIN_WIDTH)
    parts = [margined(headline(report), width)]
    if report.findings:
        new = frozenset(report.since.new) if report.since else frozenset[str]()
        parts.append(_findings(report.findings, new, width, color=color))
    if report.unfound:
        parts.append(assessed_table(report.unfound, width))
    parts += [wrapped(text, width) for text in changes(report)]
    parts.append(wrapped(summary(report), width))
    if report.findings:
        parts.append(wrapped(_HINT, width))
    return "\n\n".join(parts) + "\n"


def margined(lines: list[tuple[str, str]], width: int) -> str:
    """The texts in lines of at most `width` characters, beside their labels."""
    margin = max(len(label) for label, _ in lines) + GAP
    return "\n".join(
        wrapped(text, width, indent=label.ljust(margin), hanging=" " * margin) for label, text in lines
    )


def _findings(findings: list[Finding], new: frozenset[str], width: int, *, color: bool) -> str:
    room = width - SEVERITY_WIDTH - 2 * GAP
    longest_name = max(len(printable(finding.key_name)) for finding in findings)
    key_width = min(max(longest_name, _SHORT_ID), room // 3)
    rows = [
        (
            _severity(finding, is_new=finding.id in new, color=color),
            f"{wrapped(finding.key_name, key_width)}\n{finding.key_id[:_SHORT_ID]}",
            f"{wrapped(finding.rule, room - key_width)}\n{wrapped(told(finding), room - key_width)}",
        )
        for finding in findings
    ]
    return columns(("Severity", "Key", "Finding"), rows)


def _severity(finding: Finding, *, is_new: bool, color: bool) -> str:
    severity = painted(finding.severity, color=color)
    if finding.status is FindingStatus.WAIVED:
        return f"{severity}\nwaived"
    return f"{severity}\nnew" if is_new else severity
