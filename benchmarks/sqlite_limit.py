"""SQLite's own limit: the driver with prebuilt rows, into a table like the ledger's without its guards."""

import sqlite3
from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.peer import Append
from benchmarks.subject import Row, Subject
from ledger.usage import Use

INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?)"

_KEPT_PRAGMAS = ("synchronous", "cache_size", "wal_autocheckpoint", "mmap_size")
_DEFINITIONS = (
    "SELECT sql FROM sqlite_master WHERE tbl_name = 'events' AND type IN ('table', 'index') AND sql <> ''"
)


class SqliteLimit:
    """A database with the subject's table, indexes, pragmas and rows."""

    def __init__(self, path: Path, subject: Subject) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        with subject.database.read() as connection:
            for pragma in _KEPT_PRAGMAS:
                value = connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()
                self._connection.execute(f"PRAGMA {pragma}={value}")
            for (definition,) in connection.exec_driver_sql(_DEFINITIONS):
                self._connection.execute(definition)
            standing = connection.exec_driver_sql("SELECT * FROM events ORDER BY position")
            self._append([tuple(row) for row in standing])
        self._subject = subject
        self._last = subject.last_position()

    def ready(self, uses: Sequence[Use]) -> Append:
        """One durable transaction; the rows are built before."""
        rows = self._subject.rows(uses, self._last + 1)
        self._last += len(rows)
        return partial(self._append, rows)

    def _append(self, rows: Sequence[Row]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(INSERT, rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Give back the connection."""
        self._connection.close()


def scan(path: str) -> None:
    """Fetch every event of a ledger and do nothing with it."""
    connection = sqlite3.connect(path)
    deque(connection.execute("SELECT * FROM events"), maxlen=0)
    connection.close()
