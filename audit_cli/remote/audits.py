"""`keyledger audit` through a server: its report, printed as one of the ledger's own would be."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import msgspec

from audit_cli.remote.server import Server
from ledger.moments import format_duration, format_moment
from projections.audit.report import AuditedKey, AuditReport, Judged
from projections.documents.audit import AuditDocument


class _Received(msgspec.Struct, frozen=True):
    """A key as the server's audit judged it."""

    key: AuditedKey

    @property
    def usage(self) -> str:
        return self.key.usage

    @property
    def is_active(self) -> bool:
        return self.key.state == "active"

    def row(self) -> AuditedKey:
        return self.key


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the server: a pack's name as policy, thresholds, rules, a moment."""

    policy: str | None
    thresholds: Mapping[str, timedelta | None]
    rules: Sequence[str]
    as_of: int | None
    everything: bool
    assess: bool

    def query(self) -> dict[str, object]:
        """In the words of the HTTP API."""
        said: dict[str, object] = {
            "policy": self.policy,
            "rule": list(self.rules),
            "as_of": None if self.as_of is None else format_moment(self.as_of),
            "temporary": self.everything,
            "assess": self.assess,
        }
        spans = {name: format_duration(span) for name, span in self.thresholds.items() if span is not None}
        return said | spans


def audited_at(server: Server, terms: Terms) -> AuditReport:
    """The report of the server; what formats print of keys is in their rows, the records stay there."""
    document = server.get("/v1/audit", AuditDocument, terms.query())
    fields: dict[str, Any] = {name: getattr(document, name) for name in document.__struct_fields__}
    keys, assessments = fields.pop("keys"), fields.pop("assessments")
    judged = cast("list[Judged]", [_Received(key) for key in keys])
    return AuditReport(
        **fields, judged=judged, assessments=None if assessments is msgspec.UNSET else assessments
    )
