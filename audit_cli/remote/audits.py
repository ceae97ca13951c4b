"""`keyledger audit` through a server: its report, printed as one of the ledger's own would be."""

from typing import TYPE_CHECKING, Any, cast

import msgspec
import typer

from audit_cli import console
from audit_cli.delivery import annotate, deliver, is_reached
from audit_cli.failures import FINDINGS
from audit_cli.remote.server import Server
from audit_cli.reports.formats import Format
from ledger.moments import format_duration, format_moment
from ledger.secret import mask_secrets
from projections.audit.report import AuditedKey, AuditReport, Judged
from projections.documents.audit import AuditDocument
from projections.policies import PACKS

if TYPE_CHECKING:
    from audit_cli.audit import AuditOptions


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


def audit(server: Server, asked: "AuditOptions") -> None:
    """Print the server's report, and fail as one of the ledger's own would."""
    needs_ledger = {
        "--at-position": asked.at_position is not None,
        "--since": asked.since is not None,
        "--record": asked.record,
        "--notify": asked.notify,
        "--compliance": asked.compliance is not None,
        "--format html": asked.form is Format.HTML,
    }
    if said := ", ".join(name for name, is_said in needs_ledger.items() if is_said):
        raise typer.BadParameter(f"{said}: not through a server; name the ledger with --ledger")
    report = _audited(server, asked)
    deliver(report, asked.form, console.Target(asked.output))
    annotate(report, asked.annotations)
    if is_reached(report, asked.fail_on):
        raise typer.Exit(FINDINGS)


def _audited(server: Server, asked: "AuditOptions") -> AuditReport:
    """The report of the server; what formats print of keys is in their rows, the records stay there."""
    document = server.get("/v1/audit", AuditDocument, _query(asked, _policy(server, asked)))
    fields: dict[str, Any] = {name: getattr(document, name) for name in document.__struct_fields__}
    keys, assessments = fields.pop("keys"), fields.pop("assessments")
    judged = cast("list[Judged]", [_Received(key) for key in keys])
    return AuditReport(
        **fields, judged=judged, assessments=None if assessments is msgspec.UNSET else assessments
    )


def _policy(server: Server, asked: "AuditOptions") -> str | None:
    """The pack to go by; BadParameter for a file, which the server could not read."""
    policy = asked.policy or server.policy
    if policy is not None and policy not in PACKS:
        raise typer.BadParameter(
            f"the policy {mask_secrets(policy)!r} is no pack, and a server reads no file of yours: name one"
            f" ({', '.join(PACKS)}), or the ledger with --ledger"
        )
    return policy


def _query(asked: "AuditOptions", policy: str | None) -> dict[str, object]:
    """In the words of the HTTP API."""
    said: dict[str, object] = {
        "policy": policy,
        "rule": list(asked.rule or ()),
        "as_of": None if asked.as_of is None else format_moment(asked.as_of),
        "temporary": asked.everything,
        "assess": asked.status == "all",
    }
    spans = {name: format_duration(span) for name, span in asked.thresholds.items() if span is not None}
    return said | spans
