"""The report as Markdown, for issues, wikis and chats."""

import re
from collections.abc import Iterable

from audit_cli.reports.headline import changes, headline, summary, told
from audit_cli.reports.terminal import printable
from projections.audit.assessments import Assessment
from projections.audit.findings import Finding
from projections.audit.report import AuditReport

_COLUMNS = ("Severity", "Status", "Rule", "Key", "Finding", "Evidence", "Remedy")
_ASSESSED = ("Outcome", "Rule", "Key", "Reason")
# The last two begin links, which GitHub makes of bare addresses.
_ACTIVE = re.compile(r"([\\`*_\[\]|~$]|:(?=//)|(?<=www)\.)")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def render_markdown(report: AuditReport) -> str:
    """A heading, what the audit ran on, the summary and a table of the findings."""
    parts = [
        "# API key audit",
        "\n".join(f"- {label}: {escaped(text)}" for label, text in headline(report)),
        escaped(summary(report)),
        *map(escaped, changes(report)),
    ]
    if report.findings:
        parts.append(markdown_table(_COLUMNS, [_cells(finding, report) for finding in report.findings]))
    if report.unfound:
        parts.append(markdown_table(_ASSESSED, map(_assessed, report.unfound)))
    return "\n\n".join(parts) + "\n"


def markdown_table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of cells that are escaped already."""
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """The text on one line, with nothing left in it that Markdown or HTML would act on."""
    return _ACTIVE.sub(r"\\\1", printable(text).translate(_HTML))


def _cells(finding: Finding, report: AuditReport) -> tuple[str, ...]:
    is_new = report.since is not None and finding.id in report.since.new
    status = f"{finding.status}, new" if is_new else finding.status
    key = f"{finding.key_name} ({finding.key_id})"
    evidence = ", ".join(map(str, finding.evidence))
    texts = (finding.severity, status, finding.rule, key, told(finding), evidence, finding.remedy)
    return tuple(map(escaped, texts))


def _assessed(assessment: Assessment) -> tuple[str, ...]:
    key = f"{assessment.key_name} ({assessment.key_id})"
    return tuple(map(escaped, (assessment.outcome, assessment.rule, key, assessment.reason or "")))
