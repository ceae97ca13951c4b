"""New findings as the message of a webhook: for Slack, and for programs."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from audit_cli.reports.terminal import printable
from projections.audit.findings import Finding
from projections.audit.report import AuditReport
from projections.audit.severity import WORST_FIRST

SCHEMA = "keyledger.notification/1"
TYPE = "keyledger.findings"

_SHOWN = 10
_LISTED = 100
# Slack takes 150 in a header and 3,000 in a section.
_HEADER = 150
_SECTION = 2_900
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def message(report: AuditReport, new: Sequence[Finding], since: str | None) -> dict[str, Any]:
    """The message in full, a superset of what Slack reads."""
    return {
        **slack_message(report, new, since),
        "type": TYPE,
        "timestamp": report.as_of,
        "data": {
            "schema": SCHEMA,
            "organization": report.organization,
            "as_of": report.as_of,
            "position": report.position,
            "report_sha256": report.sha256().hex(),
            "since": since,
            "new_count": len(new),
            "new": [_object(finding) for finding in new[:_LISTED]],
            "summary": report.summary,
        },
    }


def slack_message(report: AuditReport, new: Sequence[Finding], since: str | None) -> dict[str, Any]:
    """The message in the words of Slack's blocks alone; names are plain text there, and escaped in `text`."""
    headline = f"{printable(report.organization)}: {_count(new)}"
    blocks = [
        {"type": "header", "text": _plain(headline, _HEADER)},
        *({"type": "section", "text": _plain(_told(finding), _SECTION)} for finding in new[:_SHOWN]),
        {"type": "context", "elements": [_plain(_context(report, new, since), _SECTION)]},
    ]
    lines = [headline, *(_line(finding) for finding in new[:_SHOWN])]
    return {"text": "\n".join(lines).translate(_ESCAPED), "blocks": blocks}


def _count(new: Sequence[Finding]) -> str:
    counts = Counter(finding.severity for finding in new)
    told = ", ".join(f"{counts[severity]} {severity}" for severity in WORST_FIRST if counts[severity])
    return f"{len(new)} new finding{'' if len(new) == 1 else 's'} ({told})"


def _line(finding: Finding) -> str:
    return printable(f"{finding.severity} {finding.rule}: {finding.key_name}")


def _told(finding: Finding) -> str:
    return f"{_line(finding)}\n{printable(finding.message)}\n{printable(finding.remedy)}"


def _context(report: AuditReport, new: Sequence[Finding], since: str | None) -> str:
    more = f"{len(new) - _SHOWN} more are in the report. " if len(new) > _SHOWN else ""
    earlier = "" if since is None else f" New since {since}."
    return (
        f"{more}As of {report.as_of}, position {report.position};"
        f" {len(report.open_findings)} findings are open in all.{earlier}"
    )


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _short(text, limit), "emoji": False}


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _object(finding: Finding) -> dict[str, Any]:
    names = ("id", "rule", "severity", "key_id", "key_name", "external_id", "message", "evidence", "remedy")
    return {name: getattr(finding, name) for name in names}
