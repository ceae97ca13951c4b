"""The read side as it would have been at a moment of the past, by what is known of it now."""

from functools import partial
from typing import Any, get_args

from sqlalchemy import Connection, Select, func, select

from ledger.database import Database, in_memory
from ledger.schema import events
from projections import rows
from projections.as_of import clip
from projections.catch_up import OnProgress
from projections.held import held_rows
from projections.key_row import KeyFact
from projections.rebuild import LIVES_AT_ONCE, Extent, Target, fill, fill_lives
from projections.settled import take_over
from projections.stretch import NO_USE, meaning_of, select_events
from projections.tables import TABLES
from projections.use_counts import DAY_US

_FACTS = tuple(kind.topic for kind in get_args(KeyFact))


def project_past(database: Database, at: int, until: int, on_progress: OnProgress | None = None) -> Database:
    """A private read model of what had happened by a moment, by the events up to a position.

    Where there are rows of that position, keys to which nothing has happened since are as they stand, and no
    use is read beyond the last position that has one of those days. All else is counted as for a rebuild.
    """
    memory = in_memory()
    with memory.write() as connection:
        TABLES.create(connection)
    extent, target = Extent(until, _last_use(database, at, until), at), Target(TABLES, memory.write)

    def lives() -> int:
        if _take_over_lives(database, memory, extent, at):
            return at
        return fill_lives(database, target, extent)

    fill(database, target, extent, on_progress, lives)
    return memory


def _last_use(database: Database, at: int, until: int) -> int:
    """A position beyond which no use is one of those by the moment."""
    with held_rows(database) as held:
        if held is None or TABLES.position(held) < until:
            return until
        days = TABLES.days.c
        query = select(func.max(days.high_position)).where(days.day <= at // DAY_US)
        return min(until, held.execute(query).scalar() or 0)


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
