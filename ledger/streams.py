"""Streams of domain events: loaded by folding, appended with optimistic concurrency, indexed on the way."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from eventsourcing.persistence import EventStore, IntegrityError
from sqlalchemy import Connection

from ledger import api_key, credentials, organization
from ledger.api_key import ApiKey
from ledger.encoding import EventMapper, StreamEvent
from ledger.errors import Conflict, NotFound
from ledger.event_store import EventRecorder
from ledger.events import Event, OrganizationCreated
from ledger.ids import format_id
from ledger.organization import Organization
from ledger.schema import organizations

CONFLICT = (
    "somebody else changed this at the same moment and was first; nothing was stored: look again and repeat"
)

_VERSION = "SELECT max(originator_version) FROM events WHERE originator_id = ?"


class Decision(msgspec.Struct, frozen=True):
    """An event that was decided, for the place in its stream that was free when the decision was made."""

    stream_id: bytes
    version: int
    event: Event


class Streams:
    """The streams that decisions are made from."""

    def __init__(self, recorder: EventRecorder) -> None:
        self._database = recorder.database
        self._store = EventStore(EventMapper(), recorder)

    def key(self, key_id: bytes) -> ApiKey:
        """A key that was minted here, as its events tell."""
        key: ApiKey | None = None
        for version, event in self.events(key_id):
            key = api_key.evolve(key, key_id, version, event)
        if key is None:
            raise NotFound(f"no key {format_id(key_id)} was minted here")
        return key

    def organization(self, organization_id: bytes) -> Organization:
        """An organization, as its events tell."""
        found: Organization | None = None
        for version, event in self.events(organization_id):
            found = organization.evolve(found, organization_id, version, event)
        if found is None:
            raise NotFound(f"there is no organization {format_id(organization_id)}")
        return found

    def is_latest(self, org: Organization) -> bool:
        """Whether nothing has happened to an organization since it was read: one look-up."""
        ((version,),) = self._database.look_up(_VERSION, [org.id])
        return bool(version == org.version)

    def append(self, decisions: Sequence[Decision]) -> None:
        """Append what was decided, and the index rows that follow, all or nothing.

        Raises Conflict where another decision took a place first.
        """
        rows: list[StreamEvent] = [
            StreamEvent(UUID(bytes=d.stream_id), d.version, d.event) for d in decisions
        ]

        def index(connection: Connection) -> None:
            for decision in decisions:
                _index(connection, decision)

        try:
            self._store.put(rows, also=index)
        except IntegrityError as error:
            raise Conflict(CONFLICT) from error

    def events(self, stream_id: bytes) -> list[tuple[int, Event]]:
        """The events of a stream with their versions, in order."""
        found = self._store.get(UUID(bytes=stream_id))
        return [(e.originator_version, e.event) for e in found if isinstance(e, StreamEvent)]


def _index(connection: Connection, decision: Decision) -> None:
    event = decision.event
    if isinstance(event, OrganizationCreated):
        row = {"organization_id": decision.stream_id, "name": event.name}
        connection.execute(organizations.insert().values(row))
    else:
        credentials.index(connection, decision.stream_id, event)
