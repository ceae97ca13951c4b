"""Where tests make their ledgers: files of SQLite, and schemas of a PostgreSQL server."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url

KINDS = ("sqlite", "postgresql")
# In it each test makes a schema and drops it again; it holds nothing else of ours.
SERVER = os.environ.get("KEYLEDGER_TEST_POSTGRESQL", "postgresql+psycopg://127.0.0.1/test")
NAME_LENGTH = 32


class Plain(Protocol):
    """A driver's own connection, past all our code."""

    def execute(self, statement: str, /) -> Any:  # noqa: ANN401 - each driver has its own cursor
        """Run one statement, which commits at once where no transaction was begun."""


class Place:
    """One kind of database; a ledger in it lasts as long as its block."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        if kind == "postgresql":
            _require_server()

    def ledger(self) -> AbstractContextManager[str]:
        """The address of a place with nothing in it yet."""
        return _file() if self.kind == "sqlite" else _schema()


def having(address: str, **options: str) -> str:
    """A schema's address with more options of the session, such as the role to work as."""
    return address + "".join(f"%20-c{name}%3D{value}" for name, value in options.items())


@contextmanager
def plain(address: str) -> Iterator[Plain]:
    """Give an intruder's way into the database at an address."""
    if "://" not in address:
        with closing(sqlite3.connect(address, isolation_level=None)) as file:
            yield file
        return
    with _connection(address) as server:
        yield server


@contextmanager
def unguarded(address: str) -> Iterator[Plain]:
    """Give a way in for somebody with every right, past the database's own guards."""
    with plain(address) as connection:
        if "://" in address:
            connection.execute("SET session_replication_role = replica")
        else:
            guards = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in guards:
                connection.execute(f"DROP TRIGGER {name}")
        yield connection


def tables(address: str, names: Sequence[str]) -> dict[str, list[tuple[object, ...]]]:
    """All the rows of some tables, in no order of the database's own."""
    with plain(address) as connection:
        found = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    return {name: sorted(map(tuple, rows), key=repr) for name, rows in found.items()}


@contextmanager
def _file() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        yield str(Path(folder) / "ledger.db")


@contextmanager
def _schema() -> Iterator[str]:
    name = f"keyledger_{uuid4().hex}"[:NAME_LENGTH]
    with _connection(SERVER) as server:
        server.execute(f"CREATE SCHEMA {name}")
    try:
        yield f"{SERVER}{'&' if '?' in SERVER else '?'}options=-csearch_path%3D{name}"
    finally:
        with _connection(SERVER) as server:
            server.execute("SET client_min_messages = warning")
            server.execute(f"DROP SCHEMA {name} CASCADE")


@contextmanager
def _connection(address: str) -> Iterator[Any]:
    url = make_url(address)
    where: dict[str, Any] = {"host": url.host, "port": url.port, "dbname": url.database, **url.query}
    conninfo = make_conninfo(user=url.username, password=url.password, connect_timeout=5, **where)
    with closing(psycopg.connect(conninfo, autocommit=True)) as connection:
        yield connection


def _require_server() -> None:
    reason = _unreachable()
    if reason and os.environ.get("KEYLEDGER_CI"):
        pytest.fail(f"{reason}, and in CI no test may go without its server")
    if reason:
        pytest.skip(f"{reason}: name a database for tests in KEYLEDGER_TEST_POSTGRESQL")


@cache
def _unreachable() -> str | None:
    try:
        with _connection(SERVER) as server:
            ((superuser,),) = server.execute("SHOW is_superuser").fetchall()
            return None if superuser == "on" else "the server lets these tests in as no superuser"
    except psycopg.OperationalError:
        return "no PostgreSQL server lets these tests in"
