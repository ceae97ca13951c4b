"""A stretch of the ledger: what its events mean together, and how rows are brought past it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Connection, Select, func, select, text

from ledger import use_scan
from ledger.encoding import decode
from ledger.errors import LedgerCorrupt
from ledger.event_store import max_position
from ledger.events import Event
from ledger.recorded import missing_between
from ledger.schema import events
from projections import rows
from projections.fold import Batch
from projections.tables import KeyTables
from projections.tallies import Piece
from projections.use_counts import UseCounts

BATCH_SIZE = 20_000

Clip: TypeAlias = Callable[[Event], Event | None]

# In so many words, for the index of lives to be matched with it.
NO_USE = text("topic <> 'key-used/1'")


class Stretch(msgspec.Struct, frozen=True):
    """What the events up to a position mean."""

    end: int
    latest_at: int
    lives: Batch
    pieces: list[Piece]


def read_stretch(connection: Connection, after: int, end: int) -> Stretch:
    """The events after a position and up to another, which must be there."""
    lives, counts = read_lives(connection, after, end), UseCounts()
    driver = connection.connection.driver_connection
    for scanned in use_scan.scan(connection.dialect.name, driver, after, end):
        counts.take(scanned)
    require_all_uses(connection, after, end, counts.taken)
    return Stretch(end, max(lives.latest_at, counts.latest_at), lives, list(counts.rest()))


def require_all_uses(connection: Connection, after: int, end: int, uses: int) -> None:
    """Raise LedgerCorrupt where so many uses in a stretch are not all: a damaged file may just lack them.

    Positions have no gaps, so what is nothing else is a use.
    """
    others = select(func.count()).where(events.c.position > after, events.c.position <= end, NO_USE)
    missing = end - after - connection.execute(others).scalar_one() - uses
    if missing:
        raise LedgerCorrupt(missing_between(after, end, missing))


def read_lives(connection: Connection, after: int, end: int, clip: Clip | None = None) -> Batch:
    """What the events in a stretch that are no uses mean."""
    query = select_events().where(events.c.position > after, events.c.position <= end, NO_USE)
    return meaning_of(connection.execute(query.order_by(events.c.position)), clip)


def select_events() -> Select[Any]:
    """What `meaning_of` takes: positions, streams, topics and states."""
    return select(events.c.position, events.c.originator_id, events.c.topic, events.c.state)


def meaning_of(found: Iterable[Any], clip: Clip | None = None) -> Batch:
    """What stored events that are no uses mean together, each as far as it is left."""
    batch = Batch()
    for position, stream_id, topic, state in found:
        event: Event | None = decode(topic, state)
        if clip is not None and event is not None:
            event = clip(event)
        if event is not None:
            batch.take(position, stream_id, event)
    return batch


def lives_end(connection: Connection, after: int, end: int, limit: int) -> int:
    """Where a stretch ends that begins after a position and holds no more events that are no uses."""
    query = select(events.c.position).where(events.c.position > after, events.c.position <= end, NO_USE)
    found = connection.execute(query.order_by(events.c.position).offset(limit - 1).limit(1)).scalar()
    return end if found is None else int(found)


def apply_stretch(connection: Connection, tables: KeyTables, stretch: Stretch) -> None:
    """Bring rows from a stretch's beginning to its end; rows and position commit together."""
    if tables.has_lives:
        rows.apply(connection, tables, stretch.lives)
    add_uses(connection, tables, stretch.pieces)
    rows.reach(connection, tables, stretch.end, stretch.latest_at)


def add_uses(connection: Connection, tables: KeyTables, pieces: Sequence[Piece]) -> None:
    """Add counted uses to those of the tables that there are."""
    for piece in pieces:
        name = piece.table + tables.suffix
        if name in tables.metadata.tables:
            rows.add(connection, tables.metadata.tables[name], piece)


def bring_to_end(connection: Connection, tables: KeyTables, after: int, goal: int | None = None) -> int:
    """Apply what is in the ledger after a position within one transaction; returns the position come to.

    The end is that of this moment, or `goal`: on PostgreSQL the ledger grows meanwhile.
    """
    goal = max_position(connection) if goal is None else goal
    while after < goal:
        stretch = read_stretch(connection, after, min(after + BATCH_SIZE, goal))
        apply_stretch(connection, tables, stretch)
        after = stretch.end
    return goal
