"""Recorded audits: what was asked, of which events, and the digest of the answer."""

import msgspec
from sqlalchemy import select

from ledger import ids
from ledger.actor import Actor, Stamp, require_admin
from ledger.audit_events import AuditCompleted
from ledger.database import Database
from ledger.encoding import decode
from ledger.errors import Ambiguous, NotFound
from ledger.ledger import Ledger
from ledger.organization import Organization
from ledger.schema import events
from ledger.streams import Decision, Streams

LAST = "last"
FINDING_ID_BYTES = 8


class Run(msgspec.Struct, frozen=True):
    """A recorded audit with its id and the position of its record."""

    id: bytes
    position: int
    event: AuditCompleted

    @property
    def open_findings(self) -> list[str]:
        """The ids of the findings that were open, in hexadecimal digits as reports print them."""
        packed = self.event.open_findings
        return [
            packed[start : start + FINDING_ID_BYTES].hex()
            for start in range(0, len(packed), FINDING_ID_BYTES)
        ]


class Outcome(msgspec.Struct, frozen=True):
    """What a run is recorded with: the fields of AuditCompleted beside who and when."""

    judged_at: int
    position: int
    policy: str
    rules_version: str
    tool_version: str
    rules: tuple[str, ...]
    report_sha256: bytes
    keys: int
    findings: int
    waived: int
    open_findings: bytes
    include_temporary: bool


def record_run(ledger: Ledger, org: Organization, actor: Actor, outcome: Outcome) -> bytes:
    """Append that an audit was run and what it said; returns the run's id."""
    require_admin(actor, "record audits")
    run_id = ids.random_id(ledger.random_bytes)
    header = Stamp(org.id, actor, ledger.clock()).header()
    event = AuditCompleted(*header, **msgspec.structs.asdict(outcome), on_behalf_of_id=actor.on_behalf_of)
    Streams(ledger.recorder).append([Decision(run_id, 1, event)])
    return run_id


def recorded_runs(database: Database, organization_id: bytes) -> list[Run]:
    """The runs of an organization in the order of their records."""
    # In so many words, for the index of all that is no use to be matched with it.
    lives = events.c.topic != "key-used/1"
    query = select(events.c.originator_id, events.c.position, events.c.topic, events.c.state)
    query = query.where(lives, events.c.topic == AuditCompleted.topic).order_by(events.c.position)
    with database.read() as connection:
        rows = connection.execute(query).all()
    runs = []
    for run_id, position, topic, state in rows:
        event = decode(topic, state)
        if isinstance(event, AuditCompleted) and event.organization_id == organization_id:
            runs.append(Run(run_id, position, event))
    return runs


def find_run(runs: list[Run], reference: str) -> Run:
    """The run that an id's beginning means, or the `last`; NotFound or Ambiguous."""
    if not runs:
        raise NotFound("no audit has been recorded here; `keyledger audit --record` does so")
    if reference == LAST:
        return runs[-1]
    beginning = reference.replace("-", "").lower()
    found = [run for run in runs if beginning and run.id.hex().startswith(beginning)]
    if not found:
        raise NotFound(f"there is no recorded audit {reference!r}; `keyledger audit-history` lists them")
    if len(found) > 1:
        raise Ambiguous(f"{reference!r} begins {len(found)} recorded audits; give more of the id")
    return found[0]
