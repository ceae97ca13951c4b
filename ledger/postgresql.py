"""PostgreSQL: for several machines, and for ledgers whose roles are kept apart."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from struct import Struct
from time import monotonic
from typing import Any, Self, cast

import psycopg
from eventsourcing.persistence import IntegrityError
from psycopg import pq
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc
from sqlalchemy.pool import ConnectionPoolEntry

from ledger.dialect import LOCK_TIMEOUT_S, POOL_SIZE, EventRow, Lock, OnWait
from ledger.errors import LedgerUnavailable

CONNECT_TIMEOUT_S = 10
PING_AFTER_S = 1
_IDLE_SINCE = "idle since"

_ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})
# Said in so many words this gives TLS up; `allow` and `prefer` would give it up without a word.
_WAIVED = "disable"

# Locks of this ledger alone, though a database may hold several, each in its schema.
_LOCK = "SELECT pg_advisory_xact_lock(%s::bigint << 32 | 'events'::regclass::oid::bigint)"
_LOCK_SCHEMA = (
    "SELECT pg_advisory_xact_lock(%s, pg_catalog.hashtext(pg_catalog.current_schema()::pg_catalog.text))"
)

_COPY = """
    COPY events (position, originator_id, originator_version, topic, state) FROM STDIN (FORMAT binary)"""
# https://www.postgresql.org/docs/15/sql-copy.html: a signature, no flags and no extension.
_COPY_BEGINS = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_ENDS = b"\xff\xff"

# OFFSET 0 makes it one look-up by index each: of a table that grows by the second the planner knows little.
_STANDING = """
    SELECT found.* FROM unnest(%b::bytea[]) AS asked (id) CROSS JOIN LATERAL
        (SELECT originator_id, topic, state FROM events WHERE originator_id = asked.id OFFSET 0) AS found"""

_REMEDIES = {
    "23505": "a place is taken already",
    "25006": "the server only reads, as a standby does; name the primary in the address",
    "28000": "the server refuses this user; check the user and how it may log in",
    "28P01": "the server refuses this user or password; check both",
    "3D000": "there is no such database on the server; make it with createdb",
    "3F000": "the schema that the ledger is to be in does not exist; make it first",
    "42501": "the database role has no right to do this; deploy/postgresql.md says which role does what",
    "42P01": "the database is not a keyledger ledger; `keyledger init ORG` makes one",
    "53100": "the server's disk is full; nothing of this batch was stored: make room and try again",
    "53300": "the server has no connection left; try again, or raise its max_connections",
    "55P03": f"another process held the ledger for {LOCK_TIMEOUT_S} seconds; try again",
}
_LOST = ("08", "57P", "25006")

_GUARDS = (
    # Without this, whoever may insert could leave a gap, which a reader by position would take for the end.
    # A search path of its own, or a temporary table of the same name would be asked in place of this one.
    """CREATE FUNCTION keyledger_appended() RETURNS trigger
       LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
       DECLARE lowest bigint; highest bigint; many bigint; last bigint;
       BEGIN
           SELECT min(position), max(position), count(*) INTO lowest, highest, many FROM added;
           IF many > 0 THEN
               EXECUTE 'SELECT coalesce(max(position), 0) FROM ' || TG_RELID::regclass
                   || ' WHERE position < $1' INTO last USING lowest;
               IF highest - lowest + 1 <> many OR lowest <> last + 1 THEN
                   RAISE EXCEPTION 'events are only appended, each at the next position'
                       USING ERRCODE = 'integrity_constraint_violation';
               END IF;
               PERFORM pg_notify('keyledger_' || TG_RELID, '');
           END IF;
           RETURN NULL;
       END $$""",
    """CREATE FUNCTION keyledger_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
           RAISE EXCEPTION USING MESSAGE = 'events are immutable: ' || TG_OP || ' is refused',
                                 ERRCODE = 'integrity_constraint_violation';
       END $$""",
    """CREATE TRIGGER events_are_appended AFTER INSERT ON events REFERENCING NEW TABLE AS added
       FOR EACH STATEMENT EXECUTE FUNCTION keyledger_appended()""",
    """CREATE TRIGGER events_are_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON events
       FOR EACH STATEMENT EXECUTE FUNCTION keyledger_immutable()""",
)


class Postgresql:
    """PostgreSQL: a write holds an advisory lock; a read sees one state (REPEATABLE READ).

    An application's role has no right to LOCK TABLE, nor may anything but its own appends wait for it.
    """

    name = "postgresql"
    guards: tuple[str, ...] = _GUARDS
    driver_errors: tuple[type[Exception], ...] = (psycopg.Error,)

    def connect(self, engine: Engine) -> Connection:
        return engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def transaction(self, engine: Engine, lock: Lock) -> Iterator[Connection]:
        statement = _LOCK_SCHEMA if lock is Lock.SCHEMA else _LOCK
        with engine.begin() as connection:
            connection.exec_driver_sql(statement, (int(lock),))
            yield connection

    def append(self, connection: Connection, first: int, rows: Sequence[EventRow], on_wait: OnWait) -> None:
        driver: psycopg.Connection[Any] = cast("Any", connection.connection.driver_connection)
        try:
            with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.write(_copied(first, rows))
                on_wait()
        except psycopg.IntegrityError as error:
            raise IntegrityError(str(error)) from error

    def standing(self, connection: Connection, stream_ids: Sequence[bytes]) -> Sequence[Sequence[Any]]:
        return connection.exec_driver_sql(_STANDING, (list(stream_ids),)).all()

    def confirm(self, connection: Connection) -> None:
        """Write to the log: a commit that wrote nothing would not wait for a synchronous standby."""
        connection.exec_driver_sql("SELECT pg_catalog.pg_logical_emit_message(true, 'keyledger', '')")

    def look_up(self, engine: Engine, query: str, value: object) -> Any:  # noqa: ANN401 - a driver's row
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return connection.exec_driver_sql(query.replace("?", "%s"), (value,)).first()

    def close(self) -> None:
        """Nothing: the pool keeps all connections."""

    def watch(self, engine: Engine) -> "NotificationWatch":
        return NotificationWatch(engine)

    def is_lost(self, error: BaseException) -> bool:
        if isinstance(error, exc.DBAPIError):
            return error.connection_invalidated or self.is_lost(error.orig or Exception())
        state = getattr(error, "sqlstate", None)
        return isinstance(error, psycopg.OperationalError) and (state is None or state.startswith(_LOST))

    def remedy(self, error: BaseException) -> str:
        state = getattr(error, "sqlstate", None)
        return _REMEDIES.get(state or "", "") or " ".join(str(error).split("\n", 1)[0].split())


class NotificationWatch:
    """Listens to what the guard of `events` tells at each commit."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.raw_connection()
        self._driver: psycopg.Connection[Any] = cast("Any", self._connection.driver_connection)
        try:
            self._driver.autocommit = True
            ((table,),) = self._driver.execute("SELECT 'events'::regclass::oid").fetchall()
            self._driver.execute(f"LISTEN keyledger_{int(table)}")
        except psycopg.Error:
            # In the pool it would commit by itself, and so let go of a writer's lock at once.
            self._connection.invalidate()
            raise

    def wait(self, timeout_s: float) -> bool:
        return any(True for _ in self._driver.notifies(timeout=timeout_s, stop_after=1))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Never back into the pool: it would go on listening there.
        self._connection.invalidate()


def open_server(url: URL) -> Engine:
    """An engine on a server; TLS is required of one that is not on this machine."""
    engine = create_engine(
        url,
        pool_size=POOL_SIZE,
        pool_timeout=LOCK_TIMEOUT_S,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
    )
    _ping_the_idle(engine)

    @event.listens_for(engine, "do_connect")
    def require_tls(_dialect: object, _record: object, _args: object, parameters: dict[str, Any]) -> None:
        parameters["sslmode"] = tls_mode(parameters)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:  # noqa: ANN401 - SQLAlchemy's own wrapper
        driver: psycopg.Connection[Any] = connection
        _require_tls(driver)
        driver.autocommit = True
        driver.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
        driver.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        )
        driver.autocommit = False

    return engine


def _ping_the_idle(engine: Engine) -> None:
    """Replace connections that broke while they waited in the pool; one just used is trusted."""

    @event.listens_for(engine, "checkin")
    def remember(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_IDLE_SINCE] = monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:  # noqa: ANN401 - as above
        if monotonic() - record.info.get(_IDLE_SINCE, 0) > PING_AFTER_S:
            try:
                engine.dialect.do_ping(connection)
            except exc.DBAPIError as error:
                raise exc.DisconnectionError from error


def may_write(engine: Engine) -> bool:
    """Whether the role may append here; where there is no ledger yet, whether the server writes at all."""
    with engine.connect() as connection:
        query = """
            SELECT NOT pg_catalog.pg_is_in_recovery() AND coalesce(pg_catalog.has_table_privilege(
                pg_catalog.to_regclass('events')::pg_catalog.oid, 'INSERT'::pg_catalog.text), true)"""
        return bool(connection.exec_driver_sql(query).scalar())


def tls_mode(parameters: Mapping[str, Any]) -> str:
    """The sslmode to connect with; LedgerUnavailable for one that may go to another machine in the open."""
    said = parameters.get("sslmode") or _of_environment("sslmode")
    if said in _ENCRYPTED or said == _WAIVED:
        return str(said)
    if all(map(_is_local, _hosts(parameters))):
        return str(said or "prefer")
    if said:
        raise LedgerUnavailable(
            f"sslmode={said} may go on without TLS; write sslmode=require or stricter in the address"
            f" of the database (or sslmode={_WAIVED} to go without)"
        )
    return "require"


def _copied(first: int, rows: Sequence[EventRow]) -> bytes:
    """Rows in the binary form of COPY: of each the number of its fields, and before each field its length."""
    parts = [_COPY_BEGINS]
    name, pack = b"", Struct("").pack
    for position, (stream_id, version, topic, state) in enumerate(rows, first):
        if topic.encode() != name:
            name = topic.encode()
            pack = Struct(f"!hiqi16siii{len(name)}si").pack
        parts.append(pack(5, 8, position, 16, stream_id, 4, version, len(name), name, len(state)))
        parts.append(state)
    parts.append(_COPY_ENDS)
    return b"".join(parts)


def _hosts(parameters: Mapping[str, Any]) -> list[str]:
    """All that may be connected to: by name or by address, as the address says or the environment."""
    said = [str(parameters.get(name) or _of_environment(name) or "") for name in ("host", "hostaddr")]
    return [host for hosts in said for host in hosts.split(",")]


def _of_environment(keyword: str) -> str | None:
    """What a variable such as PGSSLMODE says, or a service file; a value of our own would overrule it."""
    (option,) = (option for option in pq.Conninfo.get_defaults() if option.keyword == keyword.encode())
    return None if option.val is None or option.val == option.compiled else option.val.decode()


def _require_tls(driver: "psycopg.Connection[Any]") -> None:
    """Refuse what came about by a host that the environment named, where the address named none."""
    waived = driver.info.get_parameters().get("sslmode") == _WAIVED
    host, address = driver.info.host, driver.info.hostaddr
    if not (driver.pgconn.ssl_in_use or waived or (_is_local(host) and _is_local(address))):
        driver.close()
        raise LedgerUnavailable(
            f"the connection to {host} has no TLS;"
            " write sslmode=require or stricter in the address of the database"
        )


def _is_local(host: str) -> bool:
    """Whether a host is this machine: a socket (none or a path) or a loopback address."""
    if not host or host == "localhost" or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
