"""The report as JSON: `keyledger.audit/1`."""

import msgspec

from projections.audit.report import AuditReport


def render_json(report: AuditReport) -> str:
    """The report as it is, indented."""
    return msgspec.json.format(msgspec.json.encode(report.document()), indent=2).decode() + "\n"
