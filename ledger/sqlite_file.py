"""A file of SQLite, or a private database in memory, opened as a ledger's events need it."""

import os
import sqlite3
from contextlib import closing, suppress
from os import W_OK, access
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from ledger.dialect import LOCK_TIMEOUT_S, POOL_SIZE
from ledger.errors import LedgerUnavailable

POLL_INTERVAL_S = 0.05
CACHE_KB = 65_536

_PRAGMAS = ("PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", f"PRAGMA cache_size=-{CACHE_KB}")


def open_file(path: Path, *, create: bool) -> tuple[Engine, bool]:
    """An engine on a file, and whether it may be written; a missing file is made where `create` says so."""
    _check_file(path, create=create)
    # A new file's folder decides; an old file that only the folder protects still cannot take a journal.
    writable = access(path.parent, W_OK) and (not path.exists() or access(path, W_OK))
    if create and writable and not path.exists():
        # Where a link leads nowhere yet, what it names is made.
        _make_private(Path(os.path.realpath(path)))
    mode = "rw" if writable else _read_only_mode(path)
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


def _make_private(path: Path) -> None:
    """An empty file for nobody else: events tell names and addresses, and its journals take its rights."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))


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
        driver = driver_of(connection)
        # What writes has begun already, and has taken the lock.
        if not driver.in_transaction:
            driver.execute("BEGIN")


def driver_of(connection: Connection) -> Any:  # noqa: ANN401 - SQLAlchemy types a driver's connection so
    """SQLite's own connection, which costs a fraction of SQLAlchemy's way."""
    return connection.connection.driver_connection
