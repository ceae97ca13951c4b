"""SQLite: the embedded database, for the processes of one machine."""

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Self

from eventsourcing.persistence import IntegrityError
from sqlalchemy import Connection, Engine

from ledger.dialect import LOCK_TIMEOUT_S, EventRow, Lock, OnWait
from ledger.sqlite_batch import SqliteBatch, packed
from ledger.sqlite_file import POLL_INTERVAL_S, driver_of

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

LOCK_POLL_S = 0.001


_FULL = "the disk is full; nothing of this batch was stored: make room and try again"
_REMEDIES = (
    ("database is locked", "another process held the ledger for 30 seconds; try again"),
    ("readonly", "the ledger may not be written: change the rights of the file and its folder"),
    ("disk is full", _FULL),
    # The index of the journal, which is made anew by whoever opens the ledger first, finds no room.
    ("SQLITE_IOERR_SHMSIZE", _FULL),
    ("disk I/O error", "the disk cannot be read or written; check it and its space, and try again"),
    ("not a database", "the file is not a keyledger ledger; give the right one with --ledger"),
    ("unable to open", "the file cannot be opened; check the path and its rights"),
    ("malformed", "the file is damaged; restore it from a backup"),
    ("no such table", "the database is not a keyledger ledger; `keyledger init ORG` makes one"),
)

_INSERT = (
    "INSERT INTO events (position, originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?, ?)"
)

_STANDING = """
    SELECT originator_id, topic, state FROM json_each(?2)
    CROSS JOIN events ON originator_id = substr(?1, key * 16 + 1, 16)"""

# OR REPLACE would delete the standing row without firing a delete trigger, so the insert itself is guarded:
# an event goes to the end of the ledger and its place in its stream must be free.
_GUARDS = (
    """CREATE TRIGGER events_are_appended BEFORE INSERT ON events
       WHEN NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM events)
         OR EXISTS (SELECT 1 FROM events
                    WHERE originator_id = NEW.originator_id AND originator_version = NEW.originator_version)
       BEGIN
           SELECT RAISE(ABORT, 'events are only appended, each at the next position and at a free place');
       END""",
    """CREATE TRIGGER events_are_not_updated BEFORE UPDATE ON events
       BEGIN SELECT RAISE(ABORT, 'events are immutable: UPDATE is refused'); END""",
    """CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
       BEGIN SELECT RAISE(ABORT, 'events are immutable: DELETE is refused'); END""",
)


class Sqlite:
    """SQLite in WAL mode: a write begins IMMEDIATE and is on disk once committed (synchronous=FULL)."""

    name = "sqlite"
    guards: tuple[str, ...] = _GUARDS
    driver_errors: tuple[type[Exception], ...] = (sqlite3.DatabaseError,)

    def __init__(self) -> None:
        self._kept: PoolProxiedConnection | None = None
        self._keeping = threading.Lock()
        self._writer: Connection | None = None

    def connect(self, engine: Engine) -> Connection:
        return engine.connect()

    @contextmanager
    def transaction(self, engine: Engine, lock: Lock) -> Iterator[Connection]:  # noqa: ARG002 - one for all
        connection = self._writing(engine)
        driver = driver_of(connection)
        try:
            # Within: an interruption right after it must not leave it begun.
            _when_free(partial(driver.execute, "BEGIN IMMEDIATE"))
            yield connection
            connection.commit()
            driver.commit()
        except BaseException:
            connection.rollback()
            driver.rollback()
            raise

    def _writing(self, engine: Engine) -> Connection:
        """The connection of all writers, who come one at a time.

        To begin and commit through a pool takes as long as a quarter of a small transaction.
        """
        if self._writer is None:
            self._writer = engine.connect()
            driver_of(self._writer).execute("PRAGMA busy_timeout = 0")
        return self._writer

    def append(self, connection: Connection, first: int, rows: Sequence[EventRow], on_wait: OnWait) -> None:
        driver = driver_of(connection)
        try:
            if len({(version, topic) for _, version, topic, _ in rows}) == 1:
                batch = packed(rows)
                on_wait()
                batch.insert(driver, first)
            else:
                on_wait()
                driver.executemany(_INSERT, [(position, *row) for position, row in enumerate(rows, first)])
        except sqlite3.IntegrityError as error:
            raise IntegrityError(str(error)) from error

    def pack(self, rows: Sequence[EventRow]) -> SqliteBatch:
        return packed(rows)

    def append_alone(self, engine: Engine, batch: SqliteBatch, on_wait: OnWait) -> None:
        driver = driver_of(self._writing(engine))
        if driver.in_transaction:
            # Left by an interruption: within it the statement would be on no disk when it returns.
            driver.rollback()
        on_wait()
        try:
            # A statement that is a transaction by itself: after each one its thread may wait for others that
            # keep the interpreter busy, and meanwhile others wait for this one's lock.
            _when_free(partial(batch.insert, driver))
        except sqlite3.IntegrityError as error:
            raise IntegrityError(str(error)) from error

    def append_free(self, engine: Engine, rows: Sequence[EventRow], on_wait: OnWait) -> Collection[bytes]:
        with self.transaction(engine, Lock.APPEND) as connection:
            taken = {stream_id for stream_id, *_ in self.standing(connection, [row[0] for row in rows])}
            free = [row for row in rows if row[0] not in taken]
            if free:
                self.append(connection, _last_position(connection) + 1, free, on_wait)
        return {row[0] for row in free}

    def standing(self, connection: Connection, stream_ids: Sequence[bytes]) -> Sequence[Sequence[Any]]:
        asked = (b"".join(stream_ids), str([0] * len(stream_ids)))
        return list(driver_of(connection).execute(_STANDING, asked))

    def confirm(self, connection: Connection) -> None:
        """Nothing: what another connection can see is on disk."""

    def touch(self, connection: Connection, now: int) -> bytes:  # noqa: ARG002 - nothing is kept of it
        # A number in the file's head, which is ours to use; of a table, only what differs would be written.
        driver_of(connection).execute("PRAGMA user_version = 1")
        return b""

    def mark(self, connection: Connection, now: int) -> None:
        """Nothing: whoever commits here hears of it."""

    def was_committed(self, _connection: Connection, _mark: object) -> bool:
        return False

    def select_each(self, connection: Connection, query: str, values: Sequence[object]) -> Sequence[Any]:
        execute = driver_of(connection).execute
        return [row for value in values for row in execute(query, (value,))]

    def look_up(self, engine: Engine, query: str, values: Sequence[object]) -> Sequence[Any]:
        with self._keeping:
            if self._kept is None:
                self._kept = engine.raw_connection()
                self._kept_driver: Any = self._kept.driver_connection
            execute = self._kept_driver.execute
            if len(values) == 1:
                # As for nearly every check.
                return execute(query, values).fetchall()  # type: ignore[no-any-return]
            return [row for value in values for row in execute(query, (value,))]

    def close(self) -> None:
        for kept in (self._kept, self._writer):
            if kept is not None:
                kept.close()
        self._kept = self._writer = None

    def watch(self, engine: Engine) -> "DataVersionWatch":
        return DataVersionWatch(engine)

    def is_lost(self, _error: BaseException) -> bool:
        return False

    def is_damaged(self, error: BaseException) -> bool:
        return "malformed" in str(error)

    def remedy(self, error: BaseException) -> str:
        message = "unable to open" if isinstance(error, OSError) else str(error)
        symptoms = f"{message} {getattr(error, 'sqlite_errorname', '')}"
        return next((remedy for symptom, remedy in _REMEDIES if symptom in symptoms), message)


class DataVersionWatch:
    """Polls SQLite's data_version, which changes when another connection commits and reads no table."""

    def __init__(self, engine: Engine) -> None:
        # The driver's own connection: SQLAlchemy would begin a transaction and so pin what this one sees.
        self._connection = engine.raw_connection()
        self._seen = self._data_version()

    def wait(self, timeout_s: float) -> bool:
        end = monotonic() + timeout_s
        while self._data_version() == self._seen:
            left = end - monotonic()
            if left <= 0:
                return False
            sleep(min(POLL_INTERVAL_S, left))
        self._seen = self._data_version()
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _data_version(self) -> int:
        return int(self._connection.cursor().execute("PRAGMA data_version").fetchone()[0])


def _when_free(write: Callable[[], object]) -> None:
    """Do what takes the lock for writing as soon as no other process is at a write.

    SQLite itself would wait ever longer between its tries, up to a tenth of a second, and so come too late
    for the moment between two writes of a busy process, for seconds on end.
    """
    end = monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            write()
        except sqlite3.OperationalError as error:
            if not str(error.sqlite_errorname).startswith("SQLITE_BUSY") or monotonic() > end:
                raise
            sleep(LOCK_POLL_S)
        else:
            return


def _last_position(connection: Connection) -> int:
    return int(driver_of(connection).execute("SELECT coalesce(max(position), 0) FROM events").fetchone()[0])
