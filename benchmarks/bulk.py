"""A ledger of very many uses, filled past the ledger by the driver with what the ledger would store."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from benchmarks.postgresql_limit import connected, copy_rows
from benchmarks.sqlite_limit import INSERT
from benchmarks.subject import Row, Subject
from benchmarks.traffic import PERIOD_US, Traffic

_CHUNK = 100_000


class BulkLedger:
    """Uses of its keys, `in_period` of them over 30 days and what comes after at the same pace."""

    def __init__(self, subject: Subject, keys: int, in_period: int) -> None:
        self.subject = subject
        self.traffic = Traffic(subject.observe(keys), spacing_us=PERIOD_US // in_period, has_given_ids=False)

    def fill(self, count: int) -> int:
        """Bring the events to that many, where there are fewer; returns how many there are."""
        last = self.subject.last_position()
        if last >= count:
            return last
        for start in range(last, count, _CHUNK):
            uses = self.traffic.uses(start, min(_CHUNK, count - start))
            self._store(self.subject.rows(uses, start + 1))
        self._settle()
        return count

    def _store(self, rows: Sequence[Row]) -> None:
        if self.subject.on_postgresql:
            with closing(connected(self.subject.address)) as connection, connection.transaction():
                copy_rows(connection, "events", rows)
        else:
            with closing(sqlite3.connect(self.subject.address)) as file, file:
                file.execute("PRAGMA synchronous=OFF")
                file.executemany(INSERT, rows)

    def _settle(self) -> None:
        """Do now what the server would otherwise do during the measurement."""
        if self.subject.on_postgresql:
            with closing(connected(self.subject.address)) as connection:
                connection.execute("VACUUM (ANALYZE) events")
