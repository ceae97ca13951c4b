"""Catching up: events after the last projected position, batch by batch, into rows, each exactly once."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from sqlalchemy import Connection, Table, select

from ledger.database import Database, in_memory
from ledger.encoding import decode
from ledger.event_store import max_position
from ledger.events import Event
from ledger.schema import events
from projections.fold import Batch
from projections.tables import KeyTables

BATCH_SIZE = 20_000

OnProgress: TypeAlias = Callable[[int, int], object]
Clip: TypeAlias = Callable[[Event], Event | None]

TABLES = KeyTables()


class Status(msgspec.Struct, frozen=True):
    """How far the rows have come: the position they tell of, and the ledger's own."""

    position: int
    ledger_position: int

    @property
    def behind(self) -> int:
        """How many events are not projected yet."""
        return self.ledger_position - self.position


class _Stretch(msgspec.Struct):
    """What the events up to a position mean."""

    batch: Batch
    end: int


class _Reading(msgspec.Struct, frozen=True):
    """Which events to read, and as what."""

    clip: Clip | None = None
    until: int | None = None


_EVERYTHING = _Reading()


def status(database: Database) -> Status:
    """How far the read model is, without moving it."""
    with database.read() as connection:
        position = TABLES.position(connection) if TABLES.exist(connection) else 0
        return Status(position, max_position(connection))


def catch_up(database: Database, on_progress: OnProgress | None = None) -> int:
    """Project what is there now; returns the position come to. Several processes may do so at once.

    `on_progress` hears the position come to and the one to come to.
    """
    _ensure(database)
    return _advance(database, database, TABLES, _EVERYTHING, on_progress)


def rebuild(database: Database, on_progress: OnProgress | None = None) -> int:
    """Project everything anew into shadow tables and swap them in; readers meanwhile see the old rows.

    Several that run at once fill the same tables, and the first to come to the end swaps them in for all.
    """
    shadow = KeyTables("_rebuilding")
    with database.write() as connection:
        shadow.drop(connection)
        shadow.create(connection)
    _advance(database, database, shadow, _EVERYTHING, on_progress)
    with database.write() as connection:
        if not shadow.exist(connection):
            return TABLES.position(connection)
        while stretch := _read_on(connection, shadow.position(connection), _EVERYTHING):
            shadow.apply(connection, stretch.batch, stretch.end)
        position = shadow.position(connection)
        TABLES.drop(connection)
        shadow.rename(connection)
    return position


def project_into_memory(database: Database, clip: Clip | None = None) -> Database:
    """A private read model up to the end of the ledger, for readers that may not write.

    With `clip`, which changes or drops events, it begins from nothing; without, from the rows that there are.
    """
    memory = in_memory()
    with memory.write() as target, database.read() as source:
        if clip is None and TABLES.exist(source):
            _copy(source, target)
        else:
            TABLES.create(target)
    _advance(database, memory, TABLES, _Reading(clip=clip))
    return memory


def differences(database: Database, on_progress: OnProgress | None = None) -> list[str]:
    """Where the rows differ from those that the events give; empty when all is well."""
    catch_up(database)
    memory = in_memory()
    with memory.write() as target:
        TABLES.create(target)
    with database.read() as connection:
        _advance(database, memory, TABLES, _Reading(until=TABLES.position(connection)), on_progress)
        with memory.read() as fresh:
            tables = TABLES.metadata.sorted_tables
            return [line for table in tables if (line := _difference(connection, fresh, table))]


def _advance(
    source: Database,
    target: Database,
    tables: KeyTables,
    reading: _Reading,
    on_progress: OnProgress | None = None,
) -> int:
    """Read and fold outside the append lock, and apply under it unless somebody else has been faster.

    The end is that of the ledger at the beginning: writers who never pause would keep moving a later one.
    """
    with source.read() as connection:
        goal = max_position(connection) if reading.until is None else reading.until
    while True:
        with target.read() as connection:
            position = _place(connection, tables)
        if position is None or position >= goal:
            return goal if position is None else position
        with source.read() as connection:
            stretch = _read_on(connection, position, reading)
        if stretch is None:
            return position
        with target.write() as connection:
            if _place(connection, tables) == position:
                tables.apply(connection, stretch.batch, stretch.end)
        if on_progress:
            on_progress(min(stretch.end, goal), goal)


def _place(connection: Connection, tables: KeyTables) -> int | None:
    """How far the tables have come; None where another rebuild has swapped them in meanwhile."""
    return tables.position(connection) if tables.exist(connection) else None


def _read_on(connection: Connection, position: int, reading: _Reading) -> _Stretch | None:
    """The next stretch of events, or None at the end."""
    query = select(events).where(events.c.position > position).order_by(events.c.position).limit(BATCH_SIZE)
    if reading.until is not None:
        query = query.where(events.c.position <= reading.until)
    batch, end = Batch(), position
    for end, stream_id, _, topic, state in connection.execute(query):
        event: Event | None = decode(topic, state)
        if reading.clip is not None and event is not None:
            event = reading.clip(event)
        if event is not None:
            batch.take(end, stream_id, event)
    return None if end == position else _Stretch(batch, end)


def _ensure(database: Database) -> None:
    with database.read() as connection:
        if TABLES.exist(connection):
            return
    with database.write() as connection:
        if not TABLES.exist(connection):
            TABLES.drop(connection)
            TABLES.create(connection)


def _copy(source: Connection, target: Connection) -> None:
    TABLES.metadata.create_all(target, checkfirst=False)
    for table in TABLES.metadata.sorted_tables:
        rows = source.execute(select(table)).mappings().all()
        if rows:
            target.execute(table.insert(), [dict(row) for row in rows])


def _difference(kept: Connection, fresh: Connection, table: Table) -> str | None:
    kept_rows = set(map(tuple, kept.execute(select(table))))
    fresh_rows = set(map(tuple, fresh.execute(select(table))))
    wrong, missing = len(kept_rows - fresh_rows), len(fresh_rows - kept_rows)
    if not wrong and not missing:
        return None
    return f"{table.name}: {wrong} rows are wrong and {missing} are missing"
