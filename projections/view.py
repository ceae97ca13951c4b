"""What readers see: the keys of one organization at one moment, from rows that are caught up first."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter

import msgspec
from sqlalchemy import Connection, select

from ledger.database import Database
from ledger.errors import NotFound
from ledger.event_store import max_position
from ledger.ids import format_id
from ledger.moments import LATEST
from ledger.recorded import Recorded, events_at, stream_versions
from ledger.usage import FUTURE_TOLERANCE_US
from projections.callers import Caller, read_callers
from projections.catch_up import catch_up, project_into_memory
from projections.coverage import Coverage, SummarizedCoverage, read_reporters, read_summarized
from projections.daily_rows import read_daily_use
from projections.daily_use import DailyUse
from projections.filling import OnProgress
from projections.key_outline import KeyOutline
from projections.key_record import KeyRecord
from projections.marks import Marks, fold_marks
from projections.members import MemberRow
from projections.past import project_past
from projections.pause import Sought
from projections.paused import with_pauses
from projections.people import People
from projections.records import read_links, read_members, read_outlines, read_records
from projections.reporter import Reporter
from projections.tables import TABLES


class View:
    """The keys and members of one organization, all at one position of the ledger."""

    def __init__(
        self, rows: Connection, ledger: Connection, organization_id: bytes, as_of: int | None
    ) -> None:
        self.as_of = as_of
        self.position = TABLES.position(rows)
        self._rows = rows
        self._ledger = ledger
        self._organization_id = organization_id
        self._until = LATEST if as_of is None else as_of

    def members(self) -> list[MemberRow]:
        """All who are or were members, by e-mail address."""
        return read_members(self._rows, self._organization_id)

    def people(self) -> People:
        """Who acts in the events: members, and keys by themselves."""
        keys = TABLES.keys
        query = select(keys.c.key_id, keys.c.name).where(keys.c.organization_id == self._organization_id)
        names = {key_id: name for key_id, name in self._rows.execute(query) if name}
        return People(self.members(), names)

    def records(self, sought: Sought | None = None) -> list[KeyRecord]:
        """All keys, by name and then id; with those pauses in their use that are sought."""
        records = self._known(read_records(self._rows, self._organization_id))
        if sought is None:
            return records
        aliases = read_links(self._rows, self._organization_id)
        coverage = Coverage(self._rows, self._organization_id)
        return with_pauses(self._rows, records, aliases, coverage, sought)

    def outlines(self) -> list[KeyOutline]:
        """All keys without their uses, in the order of `records`; of now alone, which is as of no moment."""
        if self.as_of is not None:
            raise ValueError("when a key was first heard of, its uses tell too")
        return read_outlines(self._rows, self._organization_id)

    def records_of(self, key_ids: Collection[bytes]) -> list[KeyRecord]:
        """Some keys, by their ids or the ids of other names of them, in the order of `records`."""
        return self._known(read_records(self._rows, self._organization_id, key_ids))

    def record(self, key_id: bytes) -> KeyRecord:
        """One key, by its id or the id of another name of it."""
        for record in self.records_of([key_id]):
            return record
        raise NotFound(f"there was no key {format_id(key_id)} in this organization then")

    def aliases(self) -> dict[bytes, bytes]:
        """The ids of other names of keys, with those of the keys."""
        return read_links(self._rows, self._organization_id)

    def other_names(self, key_id: bytes) -> list[bytes]:
        """The other ids under which the same key is known."""
        links = self.aliases()
        main = links.get(key_id, key_id)
        return sorted({main, *(alias for alias, key in links.items() if key == main)} - {key_id})

    def reporters(self) -> list[Reporter]:
        """Who declared coverage, and of what, by name."""
        return read_reporters(self._rows, self._organization_id)

    def summarized(self) -> list[SummarizedCoverage]:
        """What reports covered that speak of each key by itself, by their names."""
        return read_summarized(self._rows, self._organization_id)

    def daily_use(self, key_ids: Collection[bytes], first_day: int, last_day: int) -> DailyUse:
        """The uses of some keys by day, in the order of the keys; days are counted from 1970 in UTC."""
        return read_daily_use(self._rows, self._names(key_ids), first_day, last_day)

    def callers(self, since: Mapping[bytes, int]) -> dict[bytes, list[Caller]]:
        """Who used some keys, each from a moment of its own on, up to that of the view; the latest first."""
        return read_callers(self._rows, self._ledger, self._names(since), since, self._until)

    def versions(self, key_ids: Sequence[bytes]) -> dict[bytes, int]:
        """The versions of the lives of some keys that were minted here, as the ledger has them now."""
        return stream_versions(self._ledger, key_ids)

    def timeline(self, key_id: bytes) -> list[Recorded]:
        """What happened to a key by the moment of the view, uses apart, in the order in which it happened."""
        keys, timeline = TABLES.keys, TABLES.timeline
        links = read_links(self._rows, self._organization_id)
        names = [key_id, *(alias for alias, key in links.items() if key == key_id)]
        of_key = timeline.c.key_id.in_(names)
        ours = select(keys.c.key_id).where(keys.c.organization_id == self._organization_id)
        query = select(timeline.c.position).where(of_key, timeline.c.key_id.in_(ours))
        found = events_at(self._ledger, self._rows.execute(query).scalars().all())
        happened = (each for each in found if each.event.occurred_at <= self._until)
        return sorted(happened, key=lambda recorded: (recorded.event.occurred_at, recorded.position))

    def _names(self, key_ids: Collection[bytes]) -> dict[bytes, bytes]:
        """The ids under which keys are used, each with the key that it means."""
        links = read_links(self._rows, self._organization_id)
        names = {key_id: key_id for key_id in key_ids}
        return names | {alias: key for alias, key in links.items() if key in names}

    def _known(self, records: list[KeyRecord]) -> list[KeyRecord]:
        """Those of the keys that were there by the moment of the view, with what was said of them."""
        marks = self._marks()
        known = [record for record in records if record.known_since <= self._until]
        if not marks:
            return known
        return [
            msgspec.structs.replace(record, marks=marks[record.id]) if record.id in marks else record
            for record in known
        ]

    def _marks(self) -> dict[bytes, Marks]:
        table = TABLES.marks
        query = select(table.c.position).where(table.c.organization_id == self._organization_id)
        positions = self._rows.execute(query).scalars().all()
        if not positions:
            return {}
        found = sorted(events_at(self._ledger, positions), key=attrgetter("position"))
        told = ((each.position, each.event) for each in found if each.event.occurred_at <= self._until)
        links = read_links(self._rows, self._organization_id)
        return fold_marks(told, links, {member.member_id: member.email for member in self.members()})


@contextmanager
def open_view(
    database: Database,
    organization_id: bytes,
    as_of: int | None = None,
    on_progress: OnProgress | None = None,
    now: int | None = None,
) -> Iterator[View]:
    """What is true of an organization at the end of the ledger, or at the moment `as_of`.

    With `now` and no `as_of` the moment is the clock's, or the newest event's where its sender is ahead
    within tolerance, so that the same moment asked for later gives the same answer. Rows are caught up
    first. Where they may not be written, or tell of a later time, the events are folded in memory.
    """
    kept = database
    if database.writable:
        catch_up(database, on_progress)
    else:
        kept = project_into_memory(database)
    with kept.read() as rows:
        TABLES.hold(rows)
        latest = TABLES.latest_at(rows)
        if as_of is None and now is not None:
            as_of = latest if now < latest <= now + FUTURE_TOLERANCE_US else now
        if as_of is None or latest <= as_of:
            with _ledger_beside(rows, kept, database) as ledger:
                yield View(rows, ledger, organization_id, as_of)
            return
        position = TABLES.position(rows)
    kept = project_past(database, as_of, position, on_progress)
    with kept.read() as rows, database.read() as ledger:
        yield View(rows, ledger, organization_id, as_of)


@contextmanager
def open_past_view(
    database: Database,
    organization_id: bytes,
    position: int,
    as_of: int | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[View]:
    """What was known of an organization when the ledger went up to a position, folded in memory.

    It is judged at the moment `as_of`, or at that of the record of the last event.
    """
    with database.read() as ledger:
        last = max_position(ledger)
        if not 1 <= position <= last:
            raise NotFound(f"there is no event at position {position}; the ledger's last is {last}")
        if as_of is None:
            (found,) = events_at(ledger, [position])
            as_of = found.event.recorded_at
    kept = project_past(database, as_of, position, on_progress)
    with kept.read() as rows, database.read() as ledger:
        yield View(rows, ledger, organization_id, as_of)


@contextmanager
def _ledger_beside(rows: Connection, kept: Database, database: Database) -> Iterator[Connection]:
    """The events beside the rows: in one transaction where they are in one database, or it might see more."""
    if kept is database:
        yield rows
    else:
        with database.read() as ledger:
            yield ledger
