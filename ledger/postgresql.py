"""PostgreSQL: for several machines, and for ledgers whose roles are kept apart."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from struct import Struct
from typing import Any, LiteralString, Self, cast

import psycopg
from eventsourcing.persistence import IntegrityError
from sqlalchemy import Connection, Engine, exc

from ledger import marks
from ledger.bytea_array import ByteaArray
from ledger.dialect import LOCK_TIMEOUT_S, EventRow, Lock, OnWait

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

# Numbered by the server, so that no client is waited for while the lock is held.
_APPEND_ALONE = """
    INSERT INTO events (position, originator_id, originator_version, topic, state)
    SELECT last + n, id, %(version)s::int4, %(topic)s::text, state
    FROM (SELECT coalesce(max(position), 0) AS last FROM events) AS ledger,
         unnest(%(ids)b::bytea[], %(states)b::bytea[]) WITH ORDINALITY AS added (id, state, n)"""
_APPEND_FREE = """
    INSERT INTO events (position, originator_id, originator_version, topic, state)
    SELECT last + row_number() OVER (ORDER BY n), id, %(version)s::int4, %(topic)s::text, state
    FROM (SELECT coalesce(max(position), 0) AS last FROM events) AS ledger,
         unnest(%(ids)b::bytea[], %(states)b::bytea[]) WITH ORDINALITY AS added (id, state, n)
         LEFT JOIN LATERAL (SELECT true AS is_taken FROM events WHERE originator_id = added.id
                            AND originator_version = %(version)s::int4 LIMIT 1) AS found ON true
    WHERE is_taken IS NULL
    RETURNING originator_id"""

# LIMIT makes it one look-up by index each: of a table that grows by the second the planner knows little.
_STANDING = """
    SELECT found.* FROM unnest(%b::bytea[]) AS asked (id) CROSS JOIN LATERAL
        (SELECT originator_id, topic, state FROM events WHERE originator_id = asked.id LIMIT 1) AS found"""

_DAMAGED_REMEDY = "the database is damaged; restore it from a backup"
_REMEDIES = {
    "23505": "a place is taken already",
    "25006": "the server only reads, as a standby does; name the primary in the address",
    "28000": "the server refuses this user; check the user and how it may log in",
    "28P01": "the server refuses this user or password; check both",
    "3D000": "there is no such database on the server; make it with createdb",
    "3F000": "the schema that the ledger is to be in does not exist; make it first",
    "42501": "the database role has no right to do this; deploy/postgresql.md says which role does what",
    "42P01": "the database is not a keyledger ledger; `keyledger init ORG` makes one",
    "XX001": _DAMAGED_REMEDY,
    "XX002": _DAMAGED_REMEDY,
    "53100": "the server's disk is full; nothing of this batch was stored: make room and try again",
    "53300": "the server has no connection left; try again, or raise its max_connections",
    "55P03": f"another process held the ledger for {LOCK_TIMEOUT_S} seconds; try again",
}
_LOST = ("08", "57P")
_DAMAGED = ("XX001", "XX002")

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
        info: dict[Any, Any] = {}
        in_doubt = False
        try:
            with engine.begin() as connection:
                info = connection.info
                connection.exec_driver_sql(statement, (int(lock),))
                yield connection
                in_doubt = True
        except BaseException:
            if in_doubt:
                # Its mark is left as it is, should the connection live on.
                marks.give_up(info)
            raise

    def append(self, connection: Connection, first: int, rows: Sequence[EventRow], on_wait: OnWait) -> None:
        driver: psycopg.Connection[Any] = cast("Any", connection.connection.driver_connection)
        try:
            with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.write(_copied(first, rows))
                on_wait()
        except psycopg.IntegrityError as error:
            raise IntegrityError(str(error)) from error

    def pack(self, rows: Sequence[EventRow]) -> Mapping[str, object]:
        _, version, topic, _ = rows[0]
        stream_ids, _, _, states = zip(*rows, strict=True)
        arrays = {"ids": ByteaArray(stream_ids), "states": ByteaArray(states)}
        return {"version": version, "topic": topic} | arrays

    def append_alone(self, engine: Engine, batch: Mapping[str, object], on_wait: OnWait) -> None:
        _append_at_once(engine, _APPEND_ALONE, batch, on_wait)

    def append_free(self, engine: Engine, rows: Sequence[EventRow], on_wait: OnWait) -> Collection[bytes]:
        appended = _append_at_once(engine, _APPEND_FREE, self.pack(rows), on_wait)
        return {stream_id for (stream_id,) in appended}

    def standing(self, connection: Connection, stream_ids: Sequence[bytes]) -> Sequence[Sequence[Any]]:
        return connection.exec_driver_sql(_STANDING, (list(stream_ids),)).all()

    def confirm(self, connection: Connection) -> None:
        """Write to the log: a commit that wrote nothing would not wait for a synchronous standby."""
        connection.exec_driver_sql("SELECT pg_catalog.pg_logical_emit_message(true, 'keyledger', '')")

    def touch(self, connection: Connection, now: int) -> bytes:
        return marks.leave(connection, now).name

    def mark(self, connection: Connection, now: int) -> marks.Mark:
        return marks.leave(connection, now)

    def was_committed(self, connection: Connection, mark: object) -> bool:
        return marks.stands(connection, cast("marks.Mark", mark))

    def select_each(self, connection: Connection, query: str, values: Sequence[object]) -> Sequence[Any]:
        driver: psycopg.Connection[Any] = cast("Any", connection.connection.driver_connection)
        return driver.execute(query.replace("= ?", "= ANY(%b)"), (list(values),)).fetchall()

    def look_up(self, engine: Engine, query: str, values: Sequence[object]) -> Sequence[Any]:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return self.select_each(connection, query, values)

    def close(self) -> None:
        """Nothing: the pool keeps all connections."""

    def watch(self, engine: Engine) -> "NotificationWatch":
        return NotificationWatch(engine)

    def is_lost(self, error: BaseException) -> bool:
        if isinstance(error, exc.DBAPIError):
            return error.connection_invalidated or self.is_lost(error.orig or Exception())
        state = getattr(error, "sqlstate", None)
        return isinstance(error, psycopg.OperationalError) and (state is None or state.startswith(_LOST))

    def is_damaged(self, error: BaseException) -> bool:
        return getattr(error, "sqlstate", None) in _DAMAGED

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


def _append_at_once(
    engine: Engine, statement: LiteralString, values: Mapping[str, object], on_wait: OnWait
) -> Sequence[Sequence[Any]]:
    """Lock, append and commit, sent together: no client is waited for while the lock is held."""
    with engine.connect() as connection:
        driver: psycopg.Connection[Any] = cast("Any", connection.connection.driver_connection)
        try:
            appended = _run_together(driver, statement, values, on_wait)
            return appended.fetchall() if appended.description else ()
        except psycopg.IntegrityError as error:
            raise IntegrityError(str(error)) from error
        except BaseException:
            # Whatever state it is in, nobody else is given it.
            connection.invalidate()
            raise


def _run_together(
    driver: "psycopg.Connection[Any]", statement: LiteralString, values: Mapping[str, object], on_wait: OnWait
) -> "psycopg.Cursor[Any]":
    failed: psycopg.Error | None = None
    appended = driver.cursor()
    with suppress(psycopg.errors.PipelineAborted), driver.pipeline():
        try:
            driver.execute(_LOCK, (int(Lock.APPEND),))
            appended.execute(statement, values)
            # Not by `commit`, which would wait for the answer here.
            driver.execute("COMMIT")
            # All is on its way before others get the interpreter, which they would keep meanwhile.
            driver.pgconn.flush()
            on_wait()
        except psycopg.Error as error:
            # Raised below: to leave the pipeline with it would log that what was sent after it was aborted.
            failed = error
    if failed is not None:
        raise failed
    return appended


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
