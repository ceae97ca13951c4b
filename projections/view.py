"""What readers see: the keys of one organization at one moment, from rows that are caught up first."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, select

from ledger.database import Database
from ledger.encoding import decode
from ledger.errors import NotFound
from ledger.event_store import max_position
from ledger.events import DenialReason, Event, KeyKind, KeyState
from ledger.ids import format_id
from ledger.schema import events
from projections.as_of import clip
from projections.catch_up import TABLES, OnProgress, catch_up, project_into_memory
from projections.key_record import AddressUse, CallerUse, Denial, KeyRecord
from projections.key_row import KeyRow, absorb
from projections.members import MemberRow
from projections.periods import Period, merge_periods


class Recorded(msgspec.Struct, frozen=True):
    """An event as the ledger holds it."""

    position: int
    stream_id: bytes
    version: int
    event: Event


class View:
    """The keys and members of one organization, all at one position of the ledger."""

    def __init__(self, connection: Connection, source: Connection, organization_id: bytes) -> None:
        self.position = max_position(source)
        self._connection = connection
        self._source = source
        self._organization_id = organization_id

    def members(self) -> list[MemberRow]:
        """All who are or were members, by e-mail address."""
        table = TABLES.members
        query = select(table).where(table.c.organization_id == self._organization_id).order_by(table.c.email)
        return [MemberRow(**row._mapping) for row in self._connection.execute(query)]

    def records(self) -> list[KeyRecord]:
        """All keys, by name and then id."""
        records = _Records(self._connection, self._organization_id, self.members()).build()
        return sorted(records, key=lambda record: (record.name, record.id))

    def record(self, key_id: bytes) -> KeyRecord:
        """One key, by its id or the id of another name of it."""
        records = _Records(self._connection, self._organization_id, self.members())
        wanted = records.links.get(key_id, key_id)
        for record in records.build():
            if record.id == wanted:
                return record
        raise NotFound(f"no key {format_id(key_id)} in this organization")

    def timeline(self, key_id: bytes) -> list[Recorded]:
        """What happened to a key, uses apart, in the order in which it happened."""
        links, timeline = TABLES.links, TABLES.timeline
        aliases = select(links.c.alias_id).where(links.c.key_id == key_id)
        spoken_of = (timeline.c.key_id == key_id) | timeline.c.key_id.in_(aliases)
        positions = self._connection.execute(select(timeline.c.position).where(spoken_of)).scalars().all()
        found = [
            Recorded(row.position, row.originator_id, row.originator_version, decode(row.topic, row.state))
            for position in positions
            for row in self._source.execute(select(events).where(events.c.position == position))
        ]
        return sorted(found, key=lambda recorded: (recorded.event.occurred_at, recorded.position))


@contextmanager
def open_view(
    database: Database, organization_id: bytes, as_of: int | None = None, on_progress: OnProgress | None = None
) -> Iterator[View]:
    """What is true of an organization now, or at an earlier moment.

    Rows are caught up first. Where they may not be written, or would tell of a time after `as_of`, the events are
    folded in memory instead.
    """
    memory = None
    if not database.writable:
        memory = project_into_memory(database)
    else:
        catch_up(database, on_progress)
    if as_of is not None and _latest_at(memory or database) > as_of:
        memory = project_into_memory(database, partial(clip, at=as_of))
    with database.read() as source, (memory or database).read() as connection:
        yield View(connection, source, organization_id)


def _latest_at(database: Database) -> int:
    with database.read() as connection:
        return TABLES.latest_at(connection)


class _Records:
    """The records of an organization's keys, put together from the tables in one pass each."""

    def __init__(self, connection: Connection, organization_id: bytes, members: Sequence[MemberRow]) -> None:
        self._connection = connection
        self._members = {member.member_id: member for member in members}
        keys, links = TABLES.keys, TABLES.links
        query = select(keys).where(keys.c.organization_id == organization_id)
        rows = [KeyRow(*row) for row in connection.execute(query)]
        self._rows = {row.key_id: row for row in rows}
        self.links: dict[bytes, bytes] = {
            alias: key for alias, key in connection.execute(select(links.c.alias_id, links.c.key_id))
        }
        self._coverage = self._reported_coverage(organization_id)
        self._merged_coverage: dict[tuple[str, str | None], tuple[Period, ...]] = {}

    def build(self) -> Iterator[KeyRecord]:
        """The records, in no order."""
        for alias_id, key_id in self.links.items():
            if alias_id in self._rows and key_id in self._rows:
                absorb(self._rows[key_id], self._rows.pop(alias_id))
        uses = self._grouped(TABLES.usage)
        addresses = self._grouped(TABLES.addresses)
        denials = self._grouped(TABLES.denials)
        summaries = self._grouped(TABLES.summaries)
        for key_id, row in self._rows.items():
            yield self._record(
                row,
                [_caller_use(use) for use in uses.get(key_id, ())],
                [_address_use(use) for use in addresses.get(key_id, ())],
                [_denial(denial) for denial in denials.get(key_id, ())],
                summaries.get(key_id, []),
            )
