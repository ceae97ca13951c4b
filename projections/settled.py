"""What nothing has changed since a moment, taken over as it stands into a private read model."""

from pathlib import Path

from sqlalchemy import Connection, Table, select

from ledger import sqlite_file
from ledger.database import Database
from ledger.use_scan import SQLITE
from projections.attached import attached
from projections.copying import copy_rows
from projections.tables import READ_MODEL_VERSION, TABLES
from projections.use_counts import DAY_US

_STATE = f"SELECT version, position FROM kept.{TABLES.progress.name}"  # noqa: S608 - our own names

_CHANGED = f"SELECT 1 FROM kept.{TABLES.keys.name} WHERE changed_at > ? LIMIT 1"  # noqa: S608 - as above


def first_day_untold(database: Database, at: int) -> int:
    """The first day that `take_over` leaves to be counted: that of the moment, which may go on after it."""
    # From another database the rows of days would come more slowly than they are counted.
    return (at + 1) // DAY_US if database.dialect.name == SQLITE else 0


def take_over(held: Connection, database: Database, memory: Database, at: int) -> bool:
    """Copy the keys as of a moment, what happened to any key as a whole, and days that were over by then.

    Whoever reads what happened leaves out what came after the moment. Uses that were told together and went
    on after it are with their day in full. False where rows have moved on, with nothing done.
    """
    keys, timeline, days = TABLES.keys, TABLES.timeline, TABLES.days
    if database.dialect.name == SQLITE:
        # For reading alone: a write to the private database would take the lock of the ledger, too.
        address = sqlite_file.reading_uri(Path(database.name), is_ours=database.writable)
        # Within SQLite rows are copied in a twentieth of the time that they take through Python.
        with attached(memory, address, "kept") as driver, memory.write():
            if driver.execute(_STATE).fetchone() != (READ_MODEL_VERSION, TABLES.position(held)):
                return False
            # Without a condition whole pages of rows are copied as they are.
            if driver.execute(_CHANGED, (at,)).fetchone() is None:
                driver.execute(_copied(keys))
            else:
                driver.execute(f"{_copied(keys)} WHERE changed_at <= ?", (at,))
            driver.execute(_copied(timeline))
            driver.execute(f"{_copied(days)} WHERE day < ?", (first_day_untold(database, at),))
            return True
    with memory.write() as target:
        copy_rows(held, target, keys, select(keys).where(keys.c.changed_at <= at))
        copy_rows(held, target, timeline, select(timeline))
    return True


def _copied(table: Table) -> str:
    return f"INSERT INTO {table.name} SELECT * FROM kept.{table.name}"  # noqa: S608 - as above
