"""The read side as it would have been at a moment of the past, by what is known of it now."""

from sqlalchemy import func, select

from ledger.database import Database, in_memory
from projections.catch_up import OnProgress
from projections.rebuild import Extent, fill
from projections.tables import TABLES
from projections.use_counts import DAY_US


def project_past(database: Database, at: int, until: int, on_progress: OnProgress | None = None) -> Database:
    """A private read model of what had happened by a moment, by the events up to a position.

    Events are counted as for a rebuild, but no use beyond the last position that has one of those days, as
    far as the rows that there are tell of it.
    """
    memory = in_memory()
    with memory.write() as connection:
        TABLES.create(connection)
    extent = Extent(until, _last_use(database, at, until), at)
    fill(database, TABLES, extent, memory.write, on_progress)
    return memory


def _last_use(database: Database, at: int, until: int) -> int:
    """A position beyond which no use is one of those by the moment."""
    with database.read() as connection:
        if not TABLES.exist(connection):
            return until
        TABLES.hold(connection)
        if TABLES.position(connection) < until:
            return until
        days = TABLES.days.c
        query = select(func.max(days.high_position)).where(days.day <= at // DAY_US)
        return min(until, connection.execute(query).scalar() or 0)
