"""The read side as it would have been at a moment of the past, by what is known of it now."""

from contextlib import suppress
from functools import partial
from typing import Any, get_args

import msgspec
from sqlalchemy import Connection, Select, func, select

from ledger.database import Database, in_memory
from ledger.schema import events
from projections import rows
from projections.as_of import clip
from projections.attached import take_in
from projections.filling import LIVES_AT_ONCE, Extent, OnProgress, Target, fill, fill_lives
from projections.held import held_rows
from projections.key_row import KeyFact
from projections.settled import first_day_untold, take_over
from projections.stretch import NO_USE, meaning_of, select_events
from projections.tables import TABLES
from projections.use_counts import DAY_US

_FACTS = tuple(kind.topic for kind in get_args(KeyFact))


class _MovedOn(Exception):
    """Rows that were to be taken over tell of later events meanwhile."""


def project_past(database: Database, at: int, until: int, on_progress: OnProgress | None = None) -> Database:
    """A private read model of what had happened by a moment, by the events up to a position.

    Where there are rows of that position, keys to which nothing has happened since and days that were over by
    then are as they stand, and no use is read beyond the last position that has one of those days. All else
    is counted as for a rebuild.
    """
    uses_until, stands = _read_state(database, at, until)
    extent = Extent(until, uses_until, at)
    if stands:
        by_rows = msgspec.structs.replace(extent, first_day=first_day_untold(database, at))
        with suppress(_MovedOn):
            return _project(database, by_rows, at, on_progress, stands=True)
    return _project(database, extent, at, on_progress, stands=False)


def _project(
    database: Database, extent: Extent, at: int, on_progress: OnProgress | None, *, stands: bool
) -> Database:
    memory = in_memory()
    with memory.write() as connection:
        TABLES.create(connection)
    target = Target(TABLES, memory.write, partial(take_in, memory))

    def lives() -> int:
        if stands and _take_over_lives(database, memory, extent, at):
            return at
        if extent.first_day:
            raise _MovedOn
        return fill_lives(database, target, extent)

    try:
        fill(database, target, extent, on_progress, lives)
    except BaseException:
        memory.close()
        raise
    return memory


def _read_state(database: Database, at: int, until: int) -> tuple[int, bool]:
    """A position beyond which no use is one of those by the moment, and whether rows are of the last one."""
    with held_rows(database) as held:
        if held is None or (position := TABLES.position(held)) < until:
            return until, False
        days = TABLES.days.c
        query = select(func.max(days.high_position)).where(days.day <= at // DAY_US)
        return min(until, held.execute(query).scalar() or 0), position == until


def _take_over_lives(database: Database, memory: Database, extent: Extent, at: int) -> bool:
    """Copy the keys that stand as they did at the moment, and tell all else that is no use from its events.

    False, with nothing done, where there are no rows of that very position.
    """
    with held_rows(database) as held:
        if held is None or TABLES.position(held) != extent.until or not take_over(held, database, memory, at):
            return False
        for query in (_lives_changed_since(at), _all_but_lives(extent.until)):
            _tell(held, query, memory, at)
    return True


def _lives_changed_since(at: int) -> Select[Any]:
    keys, timeline = TABLES.keys.c, TABLES.timeline.c
    changed = select(keys.key_id).where(keys.changed_at > at)
    positions = select(timeline.position).where(timeline.key_id.in_(changed))
    return select_events().where(events.c.topic.in_(_FACTS), events.c.position.in_(positions))


def _all_but_lives(until: int) -> Select[Any]:
    return select_events().where(NO_USE, events.c.topic.not_in(_FACTS), events.c.position <= until)


def _tell(connection: Connection, query: Select[Any], memory: Database, at: int) -> None:
    query = query.order_by(events.c.position)
    for part in connection.execute(query, execution_options={"yield_per": LIVES_AT_ONCE}).partitions():
        batch = meaning_of(part, partial(clip, at=at))
        # It was taken over as a whole.
        batch.timeline.clear()
        with memory.write() as target:
            rows.apply(target, TABLES, batch)
