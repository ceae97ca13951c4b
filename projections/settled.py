"""Keys that nothing has happened to since a moment, taken over as they stand into a private read model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select

from ledger import sqlite_file
from ledger.database import Database
from ledger.use_scan import SQLITE
from projections.copying import copy_rows
from projections.tables import READ_MODEL_VERSION, TABLES

_STATE = f"SELECT version, position FROM kept.{TABLES.progress.name}"  # noqa: S608 - our own names


def take_over(held: Connection, database: Database, memory: Database, at: int) -> bool:
    """Copy the keys as of a moment, and what happened to any key as a whole; False where rows have moved on.

    Whoever reads what happened leaves out what came after the moment.
    """
    keys, timeline = TABLES.keys, TABLES.timeline
    if database.dialect.name == SQLITE:
        with _attached(memory, database), memory.write() as target:
            driver: Any = target.connection.driver_connection
            if driver.execute(_STATE).fetchone() != (READ_MODEL_VERSION, TABLES.position(held)):
                return False
            driver.execute(f"{_copied(keys)} WHERE changed_at <= ?", (at,))
            driver.execute(_copied(timeline))
            return True
    with memory.write() as target:
        copy_rows(held, target, keys, select(keys).where(keys.c.changed_at <= at))
        copy_rows(held, target, timeline, select(timeline))
    return True


@contextmanager
def _attached(memory: Database, database: Database) -> Iterator[None]:
    """Within SQLite rows are copied in a twentieth of the time that they take through Python."""
    # For reading alone: a write to the private database would take the lock of the ledger, too.
    address = sqlite_file.reading_uri(Path(database.name), is_ours=database.writable)
    # The private database has one connection, which each transaction uses.
    with memory.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("ATTACH ? AS kept", (address,))
    try:
        yield
    finally:
        driver.execute("DETACH kept")


def _copied(table: Table) -> str:
    names = ", ".join(table.c.keys())
    return f"INSERT INTO {table.name} ({names}) SELECT {names} FROM kept.{table.name}"  # noqa: S608 - our own names
