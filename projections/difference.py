"""Where the rows differ from those that the events give: both read in order, side by side."""

from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table, select

from ledger.database import Database, open_database
from projections.catch_up import catch_up
from projections.filling import Extent, OnProgress, Target, fill
from projections.tables import TABLES

READ_AT_ONCE = 5_000

DataRow: TypeAlias = tuple[Any, ...]


def differences(database: Database, on_progress: OnProgress | None = None) -> list[str]:
    """A line for each table whose rows are not those that the events give; empty when all is well.

    The rows are made anew in a file that is gone afterwards: there may be more than memory holds.
    """
    catch_up(database)
    with TemporaryDirectory(prefix="keyledger-") as folder:
        fresh = open_database(str(Path(folder) / "rows.db"), create=True)
        try:
            with database.read() as kept:
                TABLES.hold(kept)
                with fresh.write() as connection:
                    TABLES.create(connection)
                position = TABLES.position(kept)
                fill(database, Target(TABLES, fresh.write), Extent(position, position), on_progress)
                with fresh.read() as connection:
                    tables = set(TABLES.metadata.sorted_tables) - {TABLES.progress}
                    in_order = sorted(tables, key=attrgetter("name"))
                    return [line for table in in_order if (line := _difference(kept, connection, table))]
        finally:
            fresh.close()


def _difference(kept: Connection, fresh: Connection, table: Table) -> str | None:
    width = len(table.primary_key)
    wrong = missing = 0
    for ours, theirs in _side_by_side(_ordered(kept, table), _ordered(fresh, table), width):
        if ours != theirs:
            wrong += ours is not None
            missing += theirs is not None
    if not wrong and not missing:
        return None
    return f"{table.name}: {wrong} rows are wrong and {missing} are missing"


def _side_by_side(
    kept: Iterator[DataRow], fresh: Iterator[DataRow], width: int
) -> Iterator[tuple[DataRow | None, DataRow | None]]:
    """Rows of one key together; each alone where the other side has none of that key."""
    ours, theirs = next(kept, None), next(fresh, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and ours[:width] < theirs[:width]):
            yield ours, None
            ours = next(kept, None)
        elif ours is None or theirs[:width] < ours[:width]:
            yield None, theirs
            theirs = next(fresh, None)
        else:
            yield ours, theirs
            ours, theirs = next(kept, None), next(fresh, None)


def _ordered(connection: Connection, table: Table) -> Iterator[DataRow]:
    """The rows by their key, which comes first."""
    keys = list(table.primary_key)
    query = select(*keys, *(column for column in table.c if not column.primary_key)).order_by(*keys)
    for row in connection.execution_options(yield_per=READ_AT_ONCE).execute(query):
        yield tuple(row)
