"""SQLite: the embedded database, for the processes of one machine."""

import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from os import W_OK, access
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Self
from urllib.parse import quote

from eventsourcing.persistence import IntegrityError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import PoolProxiedConnection, QueuePool, StaticPool

from ledger.dialect import LOCK_TIMEOUT_S, POOL_SIZE, EventRow, Lock, OnWait
from ledger.errors import LedgerUnavailable
from ledger.sqlite_batch import SqliteBatch, packed

POLL_INTERVAL_S = 0.05
LOCK_POLL_S = 0.001
CACHE_KB = 65_536

_PRAGMAS = ("PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", f"PRAGMA cache_size=-{CACHE_KB}")

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
        # Writers come one at a time, so one connection serves them all: to begin and commit through a pool
        # takes as long as a quarter of a small transaction.
        if self._writer is None:
            self._writer = engine.connect()
            _driver(self._writer).execute("PRAGMA busy_timeout = 0")
        connection = self._writer
        driver = _driver(connection)
        try:
            # Within: an interruption right after it must not leave it begun.
            _take_the_lock(driver)
            yield connection
            connection.commit()
            driver.commit()
        except BaseException:
            connection.rollback()
            driver.rollback()
            raise

    def append(self, connection: Connection, first: int, rows: Sequence[EventRow], on_wait: OnWait) -> None:
        driver = _driver(connection)
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
        with self.transaction(engine, Lock.APPEND) as connection:
            first = _last_position(connection) + 1
            on_wait()
            try:
                batch.insert(_driver(connection), first)
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
        return list(_driver(connection).execute(_STANDING, asked))

    def confirm(self, connection: Connection) -> None:
        """Nothing: what another connection can see is on disk."""

    def touch(self, connection: Connection) -> None:
        # A number in the file's head, which is ours to use: of a table, only what differs would be written.
        _driver(connection).execute("PRAGMA user_version = 1")

    def select_each(self, connection: Connection, query: str, values: Sequence[object]) -> Sequence[Any]:
        execute = _driver(connection).execute
        return [row for value in values for row in execute(query, (value,))]

    def look_up(self, engine: Engine, query: str, values: Sequence[object]) -> Sequence[Any]:
        with self._keeping:
            if self._kept is None:
                self._kept = engine.raw_connection()
                self._kept_driver: Any = self._kept.driver_connection
            execute = self._kept_driver.execute
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


def open_file(path: Path, *, create: bool) -> tuple[Engine, bool]:
    """An engine on a file, and whether it may be written; a missing file is made where `create` says so."""
    _check_file(path, create=create)
    # A new file's folder decides; an old file that only the folder protects still cannot take a journal.
    writable = access(path.parent, W_OK) and (not path.exists() or access(path, W_OK))
    mode = ("rwc" if create else "rw") if writable else _read_only_mode(path)
    uri = _uri(path, mode)

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            uri,
            uri=True,
            timeout=LOCK_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )

    engine = create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=POOL_SIZE, pool_timeout=LOCK_TIMEOUT_S
    )
    _prepare(engine)
    return engine, writable


def reading_uri(path: Path, *, is_ours: bool = False) -> str:
    """How another connection reads a ledger, which this process writes (`is_ours`) or may not write."""
    return _uri(path, "ro" if is_ours else _read_only_mode(path))


def open_memory() -> Engine:
    """An engine on a private database that lives as long as it."""
    # With addresses as URIs, so that a file can be attached that may only be read.
    how = {"check_same_thread": False, "uri": True}
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args=how)
    _prepare(engine)
    return engine


def keep_journal(engine: Engine) -> None:
    """Switch a new database to the write-ahead log, which lets readers and one writer work at once."""
    with closing(engine.raw_connection()) as connection:
        for attempts_left in reversed(range(LOCK_TIMEOUT_S * 20)):
            try:
                connection.cursor().execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                # SQLite does not wait here for another process that does the same at this moment.
                if "locked" not in str(error) or not attempts_left:
                    raise
                sleep(POLL_INTERVAL_S)
            else:
                return


def _check_file(path: Path, *, create: bool) -> None:
    if path.is_dir():
        raise LedgerUnavailable(f"{path} is a folder, not a ledger; give the path of a file")
    if create:
        if not path.parent.is_dir():
            raise LedgerUnavailable(f"the folder {path.parent} does not exist; make it first")
    elif not path.exists():
        raise LedgerUnavailable(f"there is no ledger at {path}; `keyledger init ORG` makes one")


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(bytes(path.absolute()))}?mode={mode}"


def _read_only_mode(path: Path) -> str:
    """How to read without writing: a journal that others may be filling must be read along with the file."""
    journal, shared = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    in_use = shared.exists() or (journal.exists() and journal.stat().st_size)
    return "ro" if in_use else "ro&immutable=1"


def _prepare(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        driver = _driver(connection)
        # What writes has begun already, and has taken the lock.
        if not driver.in_transaction:
            driver.execute("BEGIN")


def _take_the_lock(driver: sqlite3.Connection) -> None:
    """Begin a write as soon as no other process is at one.

    SQLite itself would wait ever longer between its tries, up to a tenth of a second, and so come too late
    for the moment between two writes of a busy process, for seconds on end.
    """
    end = monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not str(error.sqlite_errorname).startswith("SQLITE_BUSY") or monotonic() > end:
                raise
            sleep(LOCK_POLL_S)
        else:
            return


def _driver(connection: Connection) -> Any:  # noqa: ANN401 - SQLAlchemy types a driver's connection so
    return connection.connection.driver_connection


def _last_position(connection: Connection) -> int:
    return int(_driver(connection).execute("SELECT coalesce(max(position), 0) FROM events").fetchone()[0])
