"""`keyledger.audit-history/1`: the audits that were recorded."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Literal

import msgspec

from ledger.audit_runs import Run
from ledger.ids import format_id
from ledger.moments import format_moment
from ledger.organization import Organization


class RunLine(msgspec.Struct, frozen=True):
    """A recorded audit: what it went by, and what it said."""

    id: str
    recorded_at: str
    recorded_by: str | None
    as_of: str
    position: int
    policy_sha256: str
    rules_version: str
    tool_version: str
    rules: list[str]
    keys: int
    findings: int
    waived: int
    report_sha256: str


class AuditHistoryDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The recorded audits of an organization, in the order of their records."""

    schema: Literal["keyledger.audit-history/1"] = "keyledger.audit-history/1"
    organization: str
    runs: list[RunLine]


def audit_history_document(org: Organization, runs: Iterable[Run]) -> AuditHistoryDocument:
    """The document of some runs."""
    emails = {member.id: member.email for member in org.members.values()}
    return AuditHistoryDocument(organization=org.name, runs=[_line(run, emails) for run in runs])


def _line(run: Run, emails: dict[bytes, str]) -> RunLine:
    event = run.event
    return RunLine(
        id=format_id(run.id),
        recorded_at=format_moment(event.occurred_at),
        recorded_by=_actor(event.actor_id, emails),
        as_of=format_moment(event.judged_at),
        position=event.position,
        policy_sha256=sha256(event.policy.encode()).hexdigest(),
        rules_version=event.rules_version,
        tool_version=event.tool_version,
        rules=list(event.rules),
        keys=event.keys,
        findings=event.findings,
        waived=event.waived,
        report_sha256=event.report_sha256.hex(),
    )


def _actor(actor_id: bytes | None, emails: dict[bytes, str]) -> str | None:
    """A member's address, or the key that did it; not whom it said it acted for."""
    if actor_id is None:
        return None
    return emails.get(actor_id) or f"key {format_id(actor_id)}"
