"""Rebuilding: everything anew from the events into shadow tables, which are then swapped in.

Readers meanwhile see the old rows. Whatever interrupts it, the next one starts clean. Of several at once the
last to begin goes on; the others notice and end.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from os import urandom

from sqlalchemy import Connection

from ledger import sqlite_file
from ledger.database import Database
from ledger.dialect import Lock
from ledger.errors import Conflict
from ledger.event_store import max_position
from ledger.ids import ID_BYTES, RandomBytes
from ledger.use_scan import SQLITE
from projections.filling import Extent, OnProgress, Target, Writing, fill
from projections.stretch import BATCH_SIZE, apply_stretch, bring_to_end, read_stretch
from projections.tables import TABLES, KeyTables

# Events that no swap should have to add while everybody waits.
SWAP_SIZE = 2_000


def rebuild(
    database: Database,
    on_progress: OnProgress | None = None,
    only: Collection[str] | None = None,
    random_bytes: RandomBytes = urandom,
) -> int:
    """Rebuild all tables, or `only` some of those that count uses; returns the position come to.

    Raises Conflict where another rebuild has begun meanwhile, which does the same.
    """
    with database.read() as connection:
        goal = max_position(connection)
        if not TABLES.exist(connection):
            only = None
    shadow, builder = KeyTables("_rebuilding", only), random_bytes(ID_BYTES)
    with database.write(Lock.PROJECT) as connection:
        KeyTables("_rebuilding").drop(connection)
        shadow.create(connection, builder)

    @contextmanager
    def writing() -> Iterator[Connection]:
        with database.write(Lock.PROJECT) as connection:
            if shadow.builder(connection) != builder:
                raise Conflict(
                    "another rebuild has begun since and does the same: this one ended, that one goes on"
                )
            yield connection

    try:
        fill(database, Target(shadow, writing), Extent(goal, goal), on_progress)
    finally:
        _keep_much(database)
    _keep_up(database, shadow, goal, writing)
    with writing() as connection:
        position = bring_to_end(connection, shadow, shadow.position(connection))
        _swap(connection, shadow, only, position)
    _clear_away(database)
    return position


def _keep_much(database: Database) -> None:
    """Let SQLite hold as many pages again as the appends of this process need."""
    if database.dialect.name == SQLITE:
        with database.write(Lock.PROJECT) as connection:
            connection.exec_driver_sql(f"PRAGMA cache_size = -{sqlite_file.CACHE_KB}")


def _keep_up(database: Database, shadow: KeyTables, position: int, writing: Writing) -> None:
    """Add most of what has arrived meanwhile, so that the swap itself is short."""
    with database.read() as connection:
        goal = max_position(connection)
    while goal - position > SWAP_SIZE:
        end = min(position + BATCH_SIZE, goal)
        with database.read() as connection:
            stretch = read_stretch(connection, position, end)
        with writing() as connection:
            apply_stretch(connection, shadow, stretch)
        position = end


def _swap(connection: Connection, shadow: KeyTables, only: Collection[str] | None, position: int) -> None:
    live, replaced = KeyTables("", only), KeyTables("_replaced")
    replaced.drop(connection)
    if TABLES.exist(connection):
        if only is None:
            reach = {"position": shadow.position(connection), "latest_at": shadow.latest_at(connection)}
            connection.execute(TABLES.progress.update().values(reach))
        else:
            # The tables that stay must tell of as much as the new ones.
            bring_to_end(connection, TABLES, TABLES.position(connection), position)
        # This table is never swapped: PostgreSQL would show it empty to those who began to read before.
        shadow.progress.drop(connection)
        for tables in (shadow, live):
            tables.metadata.remove(tables.progress)
    else:
        connection.execute(shadow.progress.update().values(builder=None))
    live.rename(connection, replaced)
    shadow.rename(connection, live)


def _clear_away(database: Database) -> None:
    """Drop the old tables one by one: a large one takes a while, and everybody waits for the lock."""
    for table in KeyTables("_replaced").metadata.sorted_tables:
        with database.write(Lock.PROJECT) as connection:
            table.drop(connection, checkfirst=True)
