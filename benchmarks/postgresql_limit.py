"""PostgreSQL's own limit: binary COPY of prebuilt rows into a table like the ledger's without its guards."""

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import psycopg

from benchmarks.address import conninfo
from benchmarks.peer import Append
from benchmarks.subject import Row, Subject
from ledger.usage import Use

Connected: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

_TYPES = ("int8", "bytea", "int4", "text", "bytea")


class PostgresqlLimit:
    """A table with the subject's columns, indexes and rows, in its schema."""

    def __init__(self, subject: Subject) -> None:
        self._connection = connected(subject.address)
        self._connection.execute("CREATE TABLE peer (LIKE events INCLUDING ALL)")
        self._connection.execute("INSERT INTO peer SELECT * FROM events")
        self._subject = subject
        self._last = subject.last_position()

    def ready(self, uses: Sequence[Use]) -> Append:
        """One durable transaction; the rows are built before."""
        rows = self._subject.rows(uses, self._last + 1)
        self._last += len(rows)
        return partial(self._append, rows)

    def _append(self, rows: Sequence[Row]) -> None:
        with self._connection.transaction():
            copy_rows(self._connection, "peer", rows)

    def close(self) -> None:
        """Give back the connection."""
        self._connection.close()


def connected(address: str) -> Connected:
    """The driver's own connection to where a ledger is."""
    return psycopg.connect(conninfo(address), autocommit=True)


def copy_rows(connection: Connected, table: str, rows: Sequence[Row]) -> None:
    """COPY rows in the binary form."""
    _copy(connection, f"COPY {table} FROM STDIN (FORMAT BINARY)", _TYPES, rows)


def copy_unnumbered(connection: Connected, table: str, rows: Sequence[Row]) -> None:
    """COPY rows in the binary form, and leave their positions to the database."""
    columns = "originator_id, originator_version, topic, state"
    unnumbered = [row[1:] for row in rows]
    _copy(connection, f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)", _TYPES[1:], unnumbered)


def _copy(
    connection: Connected, statement: str, types: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def scan(address: str) -> None:
    """Have every event of a ledger sent, and do nothing with it."""
    with (
        connected(address) as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY (SELECT * FROM events) TO STDOUT (FORMAT BINARY)") as copy,
    ):
        for _ in copy:
            pass
