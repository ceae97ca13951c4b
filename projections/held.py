"""The rows that readers see, held in place while they are read."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from ledger.database import Database
from projections.tables import TABLES


@contextmanager
def held_rows(database: Database) -> Iterator[Connection | None]:
    """A transaction on rows that no rebuild takes away; None where there are none of this version."""
    with database.read() as connection:
        there = TABLES.exist(connection)
    if not there:
        yield None
        return
    # In a transaction of its own, which sees nothing before it holds the tables.
    with database.read() as connection:
        TABLES.hold(connection)
        yield connection if TABLES.exist(connection) else None
