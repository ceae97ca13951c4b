"""The database under a ledger: its address and its transactions."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, Select, Table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from ledger import sqlite_file
from ledger.dialect import Dialect, Lock, Watch
from ledger.errors import InvalidInput, KeyledgerError, LedgerCorrupt, LedgerUnavailable
from ledger.sqlite import Sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects.sqlite import Insert

RECONNECT_TIMEOUT_S = 60
RECONNECT_PAUSE_S = 0.2

# As libpq writes several hosts; SQLAlchemy takes them as parameters.
_SEVERAL_HOSTS = re.compile(
    r"(?P<before>[^/]*//(?:[^@/]*@)?)(?P<hosts>[^/?@]*,[^/?@]*)(?P<path>(?:/[^?]*)?)(?:\?(?P<query>.*))?"
)

T = TypeVar("T")


class ConnectionLost(LedgerUnavailable):
    """The connection broke; whether what was being committed is there, only the database knows."""


class Database:
    """One engine; `read` and `write` are its only transactions.

    A write takes its lock first and is durable when it returns.
    """

    def __init__(
        self, engine: Engine, dialect: Dialect, *, name: str, address: str, writable: bool = True
    ) -> None:
        self.engine = engine
        self.dialect = dialect
        self.name = name
        self.address = address
        self.writable = writable
        self._explained = _Explained(self)
        # SQLite's own lock polls; threads of one process queue here instead, in order.
        self._queues = {lock: threading.Lock() for lock in Lock}
        if dialect.name == Sqlite.name:
            self._queues = dict.fromkeys(Lock, self._queues[Lock.APPEND])

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        with self.explained(), self.dialect.connect(self.engine) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, lock: Lock = Lock.APPEND) -> Iterator[Connection]:
        """A transaction under a lock; committed and on disk when the block is left."""
        with self.in_turn(lock) as engine, self.dialect.transaction(engine, lock) as connection:
            yield connection

    @contextmanager
    def in_turn(self, lock: Lock) -> Iterator[Engine]:
        """The engine for one transaction of the dialect's own, when it is this thread's turn for a lock."""
        if not self.writable:
            raise LedgerUnavailable(
                f"{self.name}: the ledger may not be written: change the rights of the file and its folder,"
                " or of the database role"
            )
        with self.explained(), self._queues[lock]:
            yield self.engine

    def insist(self, work: Callable[[int], T], patience_s: float = RECONNECT_TIMEOUT_S) -> T:
        """The result of `work`, done again where the connection is lost, for a minute at most.

        `work` hears how many tries there were, any of which may have been committed: it must find out itself.
        """
        end = monotonic() + patience_s
        for tries in count():
            try:
                return work(tries)
            except ConnectionLost:
                if monotonic() > end:
                    raise
                sleep(RECONNECT_PAUSE_S)
        raise AssertionError

    def look_up(self, query: str, values: Sequence[object]) -> Sequence[Any]:
        """The rows of a driver's query that has `= ?` once, for each value: it costs next to nothing."""
        with self._explained:
            return self.dialect.look_up(self.engine, query, values)

    def watch(self) -> Watch:
        """Wait for what is appended from now on, by whomever."""
        with self.explained():
            return self.dialect.watch(self.engine)

    def close(self) -> None:
        """Give back every connection."""
        self.dialect.close()
        self.engine.dispose()

    def explained(self) -> "_Explained":
        """Tell what the database says in a block in words of our own."""
        return self._explained


class _Explained:
    """A block whose errors are told in our own words; a generator would cost every look-up a tenth."""

    def __init__(self, database: Database) -> None:
        self._name = database.name
        self._dialect = database.dialect
        self._errors: tuple[type[BaseException], ...] = (DBAPIError, *database.dialect.driver_errors)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, IntegrityError):
            return
        if isinstance(error, self._errors):
            cause = error.orig or error if isinstance(error, DBAPIError) else error
            raise self._kind(error, cause)(f"{self._name}: {self._dialect.remedy(cause)}") from error
        if isinstance(error, UnicodeEncodeError):
            raise InvalidInput("a text that was given is not Unicode; nothing is called that") from None

    def _kind(self, error: BaseException, cause: BaseException) -> type[KeyledgerError]:
        if self._dialect.is_damaged(cause):
            return LedgerCorrupt
        return ConnectionLost if self._dialect.is_lost(error) else LedgerUnavailable


def open_database(address: str, *, create: bool = False) -> Database:
    """Open the database at a path or SQLAlchemy URL; a missing file is made only where `create` says so.

    Raises LedgerUnavailable with the reason where it cannot be opened.
    """
    path = sqlite_path(address)
    if path is None:
        return _open_server(_url(address), address)
    try:
        engine, writable = sqlite_file.open_file(path, create=create)
    except OSError as error:
        raise LedgerUnavailable(f"{path}: {Sqlite().remedy(error)}") from error
    return Database(engine, Sqlite(), name=str(path), address=address, writable=writable)


def insert(connection: Connection, table: Table) -> "Insert":
    """An insert that can say what to do on conflict; SQLAlchemy has one for each database."""
    if connection.dialect.name == Sqlite.name:
        from sqlalchemy.dialects import sqlite as kind  # noqa: PLC0415 - only what is in use
    else:
        from sqlalchemy.dialects import postgresql as kind  # type: ignore[no-redef]  # noqa: PLC0415
    return kind.insert(table)


def driver_execute(connection: Connection, statement: str, values: Sequence[object]) -> Any:  # noqa: ANN401
    """The driver's own cursor after a statement with `?`s, which takes a fraction of SQLAlchemy's way."""
    cursor = connection.connection.cursor()
    style = connection.dialect.paramstyle
    cursor.execute(statement if style == "qmark" else statement.replace("?", "%s"), values)
    return cursor


def driver_rows(connection: Connection, query: Select[Any]) -> Iterable[Any]:
    """The rows of a query as the driver's own tuples, as they come: for readings of very many."""
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    values = compiled.construct_params()
    cursor = connection.connection.cursor()
    if compiled.positiontup is None:
        cursor.execute(str(compiled), values)
    else:
        cursor.execute(str(compiled), tuple(values[name] for name in compiled.positiontup))
    return cast("Iterable[Any]", cursor)


def in_memory() -> Database:
    """A private database that lives as long as the object."""
    return Database(sqlite_file.open_memory(), Sqlite(), name=":memory:", address=":memory:")


def sqlite_path(address: str) -> Path | None:
    """The file that an address means, or None where it is another database's URL."""
    if "://" not in address:
        try:
            return Path(address).expanduser()
        except RuntimeError:
            raise LedgerUnavailable(f"{address}: there is no such user; give the whole path") from None
    url = _url(address)
    if url.get_backend_name() != Sqlite.name:
        return None
    if not url.database or url.database == ":memory:":
        raise LedgerUnavailable("a ledger needs a file: write sqlite:///PATH")
    return Path(url.database)


def _open_server(url: URL, address: str) -> Database:
    if url.get_backend_name() != "postgresql":
        raise LedgerUnavailable(
            f"{url.get_backend_name()!r} databases are not supported;"
            " give a path, sqlite:///PATH or postgresql+psycopg://..."
        )
    try:
        from ledger import postgresql, postgresql_server  # noqa: PLC0415 - only what is in use
    except ModuleNotFoundError:
        raise LedgerUnavailable(
            "the driver for PostgreSQL is not installed; run `pip install 'keyledger[postgresql]'`"
        ) from None
    url = url.set(drivername="postgresql+psycopg")
    hosts = ",".join(filter(None, [url.host, *_said_hosts(url)]))
    database = Database(
        postgresql_server.open_server(url),
        postgresql.Postgresql(),
        name=f"postgresql://{hosts}/{url.database or ''}",
        address=address,
    )
    with database.explained():
        database.writable = postgresql_server.may_write(database.engine)
    return database


def _url(address: str) -> URL:
    several = _SEVERAL_HOSTS.fullmatch(address)
    if several:
        hosts = "&".join(f"host={host}" for host in several["hosts"].split(","))
        query = f"{several['query']}&{hosts}" if several["query"] else hosts
        address = f"{several['before']}{several['path']}?{query}"
    try:
        return make_url(address)
    except (ArgumentError, ValueError):
        raise LedgerUnavailable("the address of the ledger is neither a path nor a database URL") from None


def _said_hosts(url: URL) -> Sequence[str]:
    said = url.query.get("host", ())
    return (said,) if isinstance(said, str) else said
