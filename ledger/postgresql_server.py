"""A server of PostgreSQL: how it is connected to, and that it is not spoken to in the open."""

from collections.abc import Mapping
from time import monotonic
from typing import Any

import psycopg
from psycopg import pq
from sqlalchemy import URL, Engine, create_engine, event, exc
from sqlalchemy.pool import ConnectionPoolEntry

from ledger.bytea_array import ByteaArray, ByteaArrayDumper
from ledger.dialect import LOCK_TIMEOUT_S, POOL_SIZE
from ledger.errors import LedgerUnavailable
from ledger.hosts import is_this_machine

CONNECT_TIMEOUT_S = 10
PING_AFTER_S = 1
_IDLE_SINCE = "idle since"

# Whoever got the append lock must see what was committed before it. And to compile a query takes longer than
# any of ours does.
_SESSION = "SET default_transaction_isolation = 'read committed'; SET jit = off"

_ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})
# Said in so many words this gives TLS up; `allow` and `prefer` would give it up without a word.
_WAIVED = "disable"


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
        driver.adapters.register_dumper(ByteaArray, ByteaArrayDumper)
        driver.autocommit = True
        driver.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'; {_SESSION}")
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
    return not host or host.startswith("/") or is_this_machine(host)
