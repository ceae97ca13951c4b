"""Catching up: events after the last projected position, batch by batch, into rows, each exactly once."""

import msgspec
from sqlalchemy import Connection, select

from ledger.database import Database, in_memory
from ledger.dialect import Lock
from ledger.errors import Conflict
from ledger.event_store import max_position
from projections.copying import copy_rows
from projections.filling import OnProgress
from projections.held import held_rows
from projections.rebuild import rebuild
from projections.stretch import BATCH_SIZE, apply_stretch, read_stretch
from projections.tables import TABLES

# Further behind, and by more than half, everything anew is sooner done than the rest batch by batch.
FAR_BEHIND = 500_000


class Status(msgspec.Struct, frozen=True):
    """How far the rows have come: the position they tell of, and the ledger's own."""

    position: int
    ledger_position: int

    @property
    def behind(self) -> int:
        """How many events are not projected yet."""
        return self.ledger_position - self.position


def status(database: Database) -> Status:
    """How far the read model is, without moving it."""
    with database.read() as connection:
        position = TABLES.position(connection) if TABLES.exist(connection) else 0
        return Status(position, max_position(connection))


def catch_up(database: Database, on_progress: OnProgress | None = None) -> int:
    """Project what is there now; returns the position come to. Several processes may do so at once.

    `on_progress` hears the position come to and the one to come to.
    """
    found = status(database)
    if found.behind > max(FAR_BEHIND, found.position):
        try:
            return rebuild(database, on_progress)
        except Conflict:
            pass  # somebody else has begun to: what is missing meanwhile is added as always
    _ensure(database)
    return _advance(database, database, found.ledger_position, on_progress)


def project_into_memory(database: Database) -> Database:
    """A private read model up to the end of the ledger, for readers that may not write."""
    memory = in_memory()
    with memory.write() as target, held_rows(database) as held:
        TABLES.create(target)
        if held is not None:
            _copy(held, target)
    with database.read() as connection:
        goal = max_position(connection)
    _advance(database, memory, goal)
    return memory


def _advance(
    source: Database,
    target: Database,
    goal: int,
    on_progress: OnProgress | None = None,
) -> int:
    """Read and count outside the lock, and apply under it unless somebody else has been faster.

    The goal is the end of the ledger at the beginning: writers who never pause would keep moving a later one.
    """
    while True:
        with target.read() as connection:
            position = TABLES.position(connection)
        if position >= goal:
            return position
        with source.read() as connection:
            stretch = read_stretch(connection, position, min(position + BATCH_SIZE, goal))
        with target.write(Lock.PROJECT) as connection:
            if TABLES.position(connection) == position:
                apply_stretch(connection, TABLES, stretch)
        if on_progress:
            on_progress(stretch.end, goal)


def _ensure(database: Database) -> None:
    with database.read() as connection:
        if TABLES.exist(connection):
            return
    with database.write(Lock.PROJECT) as connection:
        if not TABLES.exist(connection):
            TABLES.drop(connection)
            TABLES.create(connection)


def _copy(source: Connection, target: Connection) -> None:
    target.execute(TABLES.progress.delete())
    for table in TABLES.metadata.sorted_tables:
        copy_rows(source, target, table, select(table))
