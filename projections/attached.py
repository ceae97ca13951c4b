"""A private database in memory beside which another database is attached for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ledger.database import Database
from ledger.sqlite_file import driver_of
from projections.rows import form_of
from projections.tables import TABLES

IN_MEMORY = ":memory:"


@contextmanager
def attached(memory: Database, address: str, name: str) -> Iterator[Any]:
    """The driver's connection, for which the tables of another database have a name before theirs."""
    # The private database has one connection, which each transaction uses.
    with memory.engine.connect() as connection:
        driver = driver_of(connection)
        driver.execute(f"ATTACH ? AS {name}", (address,))
    try:
        yield driver
    finally:
        driver.execute(f"DETACH {name}")


def take_in(memory: Database, name: str, image: bytes) -> None:
    """Add the rows of a table of counted uses in another private database, which comes as bytes."""
    table = TABLES.metadata.tables[name]
    rows = f"SELECT * FROM part.{name}"  # noqa: S608 - our own name
    with attached(memory, IN_MEMORY, "part") as driver:
        driver.deserialize(image, name="part")
        with memory.write():
            if driver.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() is None:  # noqa: S608 - as above
                # Whole pages of rows are copied as they are.
                driver.execute(f"INSERT INTO {name} {rows}")
            else:
                # Without a condition SQLite would take ON for that of a join.
                driver.execute(form_of(table).insertion(f"{rows} WHERE true"))
