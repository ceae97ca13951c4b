"""The report as workflow commands of GitHub Actions, which shows them as annotations of a run."""

from audit_cli.reports.headline import changes, summary, told
from audit_cli.reports.sarif_rules import level
from audit_cli.reports.terminal import printable
from projections.audit.findings import Finding, FindingStatus
from projections.audit.report import AuditReport

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def render_github(report: AuditReport) -> str:
    """A line for each finding, the worst first since GitHub shows ten of a kind; then one of the audit."""
    lines = [_line(_command(finding), _title(finding), _message(finding)) for finding in report.findings]
    scope = (
        f"{report.organization} as of {report.as_of}, ledger position {report.position},"
        f" policy {report.policy_sha256}, keyledger {report.tool_version}."
    )
    lines.append(_line("notice", "API key audit", " ".join((summary(report), *changes(report), scope))))
    return "\n".join(lines) + "\n"


def _line(command: str, title: str, message: str) -> str:
    return f"::{command} title={printable(title).translate(_PROPERTY)}::{printable(message).translate(_DATA)}"


def _command(finding: Finding) -> str:
    if finding.status is FindingStatus.WAIVED:
        return "notice"
    grade = level(finding.severity)
    return "notice" if grade == "note" else grade


def _title(finding: Finding) -> str:
    return f"{finding.severity}: {finding.rule}"


def _message(finding: Finding) -> str:
    cited = ", ".join(map(str, finding.evidence))
    return f"{finding.key_name} ({finding.key_id}): {told(finding)} (events {cited}) {finding.remedy}"
