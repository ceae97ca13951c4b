"""The report as JSON: `keyledger.audit/1`."""

import msgspec

from projections.audit.report import AuditReport


def render_json(report: AuditReport) -> str:
    """The report as it is, indented."""
    text = msgspec.json.format(msgspec.json.encode(report.document()), indent=2).decode()
    # In place: a report of very many keys takes up much room already.
    text += "\n"
    return text
