"""The report as Markdown, for issues, wikis and chats."""

import re

from audit_cli.reports.headline import headline, summary
from audit_cli.reports.terminal import printable
from projections.audit.findings import Finding
from projections.audit.report import AuditReport

_COLUMNS = ("Severity", "Status", "Rule", "Key", "Finding", "Evidence", "Remedy")
# The last two begin links, which GitHub makes of bare addresses.
_ACTIVE = re.compile(r"([\\`*_\[\]|~$]|:(?=//)|(?<=www)\.)")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def render_markdown(report: AuditReport) -> str:
    """A heading, what the audit ran on, the summary and a table of the findings."""
    parts = [
        "# API key audit",
        "\n".join(f"- {label}: {escaped(text)}" for label, text in headline(report)),
        escaped(summary(report)),
    ]
    if report.findings:
        rows = [_COLUMNS, ("---",) * len(_COLUMNS), *map(_cells, report.findings)]
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """The text on one line, with nothing left in it that Markdown or HTML would act on."""
    return _ACTIVE.sub(r"\\\1", printable(text).translate(_HTML))


def _cells(finding: Finding) -> tuple[str, ...]:
    key = f"{finding.key_name} ({finding.key_id})"
    evidence = ", ".join(map(str, finding.evidence))
    texts = (finding.severity, finding.status, finding.rule, key, finding.message, evidence, finding.remedy)
    return tuple(map(escaped, texts))
