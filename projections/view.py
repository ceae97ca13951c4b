"""What readers see: the keys of one organization at one moment, from rows that are caught up first."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy import Connection, select

from ledger.database import Database
from ledger.errors import NotFound
from ledger.ids import format_id
from ledger.moments import LATEST
from ledger.recorded import Recorded, events_at
from projections.as_of import clip
from projections.catch_up import TABLES, OnProgress, catch_up, project_into_memory
from projections.key_record import KeyRecord
from projections.members import MemberRow
from projections.records import read_members, read_records


class View:
    """The keys and members of one organization, all at one position of the ledger."""

    def __init__(self, rows: Connection, ledger: Connection, organization_id: bytes, until: int) -> None:
        self.position = TABLES.position(rows)
        self._rows = rows
        self._ledger = ledger
        self._organization_id = organization_id
        self._until = until

    def members(self) -> list[MemberRow]:
        """All who are or were members, by e-mail address."""
        return read_members(self._rows, self._organization_id)

    def records(self) -> list[KeyRecord]:
        """All keys, by name and then id."""
        return self._known(read_records(self._rows, self._organization_id))

    def record(self, key_id: bytes) -> KeyRecord:
        """One key, by its id or the id of another name of it."""
        for record in self._known(read_records(self._rows, self._organization_id, key_id)):
            return record
        raise NotFound(f"there was no key {format_id(key_id)} in this organization then")

    def timeline(self, key_id: bytes) -> list[Recorded]:
        """What happened to a key by the moment of the view, uses apart, in the order in which it happened."""
        keys, links, timeline = TABLES.keys, TABLES.links, TABLES.timeline
        aliases = select(links.c.alias_id).where(links.c.key_id == key_id)
        of_key = (timeline.c.key_id == key_id) | timeline.c.key_id.in_(aliases)
        ours = select(keys.c.key_id).where(keys.c.organization_id == self._organization_id)
        query = select(timeline.c.position).where(of_key, timeline.c.key_id.in_(ours))
        found = events_at(self._ledger, self._rows.execute(query).scalars().all())
        happened = (each for each in found if each.event.occurred_at <= self._until)
        return sorted(happened, key=lambda recorded: (recorded.event.occurred_at, recorded.position))

    def _known(self, records: list[KeyRecord]) -> list[KeyRecord]:
        """Those of the keys that were there by the moment of the view."""
        return [record for record in records if record.known_since <= self._until]


@contextmanager
def open_view(
    database: Database,
    organization_id: bytes,
    as_of: int | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[View]:
    """What is true of an organization now, or at an earlier moment.

    Rows are caught up first. Where they may not be written, or tell of a time after `as_of`, the events are
    folded in memory instead.
    """
    kept, until = database, LATEST
    if database.writable:
        catch_up(database, on_progress)
    else:
        kept = project_into_memory(database)
    if as_of is not None and _latest_at(kept) > as_of:
        kept, until = project_into_memory(database, partial(clip, at=as_of)), as_of
    with kept.read() as rows:
        if kept is database:
            # One transaction sees the rows and the events as of one moment; a second one might see another.
            yield View(rows, rows, organization_id, until)
        else:
            with database.read() as ledger:
                yield View(rows, ledger, organization_id, until)


def _latest_at(database: Database) -> int:
    with database.read() as connection:
        return TABLES.latest_at(connection)
