"""The database under a ledger: its address, connections, transactions, and where the dialects differ."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from os import W_OK, access
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Select, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool, StaticPool

from ledger.errors import InvalidInput, LedgerUnavailable

LOCK_TIMEOUT_S = 30
POOL_SIZE = 20

_WRITES = "keyledger_writes"
_SQLITE_PRAGMAS = ("PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", "PRAGMA cache_size=-65536")

_REMEDIES = (
    ("database is locked", "another process held the ledger for 30 seconds; try again"),
    ("readonly", "the ledger may not be written: change the rights of the file and its folder"),
    ("disk is full", "the disk is full; nothing of this batch was stored: make room and try again"),
    ("not a database", "the file is not a keyledger ledger; give the right one with --ledger"),
    ("unable to open", "the file cannot be opened; check the path and its rights"),
    ("malformed", "the file is damaged; restore it from a backup"),
    ("no such table", "the database is not a keyledger ledger; `keyledger init ORG` makes one"),
)


class Database:
    """One engine; `read` and `write` are its only transactions.

    A write takes the append lock first and is durable when it returns: SQLite begins IMMEDIATE and commits
    with synchronous=FULL in WAL mode.
    """

    def __init__(self, engine: Engine, name: str, *, writable: bool = True) -> None:
        self.engine = engine
        self.name = name
        self.writable = writable
        # SQLite's own lock polls; threads of one process queue here instead, in order.
        self._append_lock = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        with _explained(self.name), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction under the append lock; committed and on disk when the block is left."""
        if not self.writable:
            raise LedgerUnavailable(f"{self.name}: {_remedy('readonly')}")
        with (
            _explained(self.name),
            self._append_lock,
            self.engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection

    def keep_journal(self) -> None:
        """Switch a new database to the write-ahead log, which lets readers and one writer work at once."""
        with _explained(self.name), closing(self.engine.raw_connection()) as connection:
            for attempts_left in reversed(range(LOCK_TIMEOUT_S * 20)):
                try:
                    connection.cursor().execute("PRAGMA journal_mode=WAL")
                except sqlite3.OperationalError as error:
                    # SQLite does not wait here for another process that does the same at this moment.
                    if "locked" not in str(error) or not attempts_left:
                        raise
                    sleep(0.05)
                else:
                    return

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def open_database(address: str, *, create: bool = False) -> Database:
    """Open the database at a path or SQLAlchemy URL; a missing file is made only where `create` says so.

    Raises LedgerUnavailable with the reason where it cannot be opened.
    """
    path = sqlite_path(address)
    if path is None:
        raise LedgerUnavailable(
            f"{address.partition(':')[0]!r} databases are not supported; give a path or sqlite:///PATH"
        )
    try:
        return _open_sqlite(path, create=create)
    except OSError as error:
        raise LedgerUnavailable(f"{path}: {_remedy('unable to open')}") from error


def driver_rows(connection: Connection, query: Select[Any]) -> Sequence[Any]:
    """The rows of a query as the driver's own tuples: for readings of very many."""
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    values = compiled.construct_params()
    cursor = connection.connection.cursor()
    cursor.execute(str(compiled), tuple(values[name] for name in compiled.positiontup or ()))
    return cursor.fetchall()


def in_memory() -> Database:
    """A private database that lives as long as the object."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    _prepare_sqlite(engine)
    return Database(engine, ":memory:")


def sqlite_path(address: str) -> Path | None:
    """The file that an address means, or None where it is another database's URL."""
    if "://" not in address:
        try:
            return Path(address).expanduser()
        except RuntimeError:
            raise LedgerUnavailable(f"{address}: there is no such user; give the whole path") from None
    try:
        url = make_url(address)
    except ArgumentError:
        raise LedgerUnavailable("the address of the ledger is neither a path nor a database URL") from None
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database or url.database == ":memory:":
        raise LedgerUnavailable("a ledger needs a file: write sqlite:///PATH")
    return Path(url.database)


def _open_sqlite(path: Path, *, create: bool) -> Database:
    _check_file(path, create=create)
    # A new file's folder decides; an old file that only the folder protects still cannot take a journal.
    writable = access(path.parent, W_OK) and (not path.exists() or access(path, W_OK))
    mode = ("rwc" if create else "rw") if writable else _read_only_mode(path)
    uri = f"file:{quote(bytes(path.absolute()))}?mode={mode}"

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
    _prepare_sqlite(engine)
    return Database(engine, str(path), writable=writable)


def _check_file(path: Path, *, create: bool) -> None:
    if path.is_dir():
        raise LedgerUnavailable(f"{path} is a folder, not a ledger; give the path of a file")
    if create:
        if not path.parent.is_dir():
            raise LedgerUnavailable(f"the folder {path.parent} does not exist; make it first")
    elif not path.exists():
        raise LedgerUnavailable(f"there is no ledger at {path}; `keyledger init ORG` makes one")


def _read_only_mode(path: Path) -> str:
    """How to read without writing: a journal that others may be filling must be read along with the file."""
    journal, shared = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    in_use = shared.exists() or (journal.exists() and journal.stat().st_size)
    return "ro" if in_use else "ro&immutable=1"


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise LedgerUnavailable(f"{name}: {_remedy(str(error.orig))}") from error
    except sqlite3.OperationalError as error:
        raise LedgerUnavailable(f"{name}: {_remedy(str(error))}") from error
    except UnicodeEncodeError:
        raise InvalidInput("a text that was given is not Unicode; nothing is called that") from None


def _remedy(message: str) -> str:
    for symptom, remedy in _REMEDIES:
        if symptom in message:
            return remedy
    return message
