"""Uses by the million: read by a driver's own connection, decoded many at a time, only what counting needs.

Nothing here imports SQLAlchemy, so that a process that only scans starts at once and stays small.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any

import msgspec

from ledger.errors import LedgerCorrupt

# Small enough for what a batch becomes to stay in the processor's cache: larger ones take half as long again.
BATCH_SIZE = 1_000
READING_SIZE = 200_000

TOPIC = "key-used/1"

SQLITE = "sqlite"
POSTGRESQL = "postgresql"

# A use's place in the ledger, and its state as stored.
Row = tuple[int, bytes]

# The topic stands in the text, where an index of all that is no use can be matched with it.
_USES = f"topic = '{TOPIC}'"
_IN_SQLITE = f"SELECT position, state FROM events WHERE position > ? AND position <= ? AND {_USES} ORDER BY 1"  # noqa: S608
_IN_POSTGRESQL = f"""
    COPY (SELECT position, state FROM events WHERE position > %s AND position <= %s AND {_USES} ORDER BY 1)
    TO STDOUT (FORMAT BINARY)"""  # noqa: S608 - our own text

_ARRAY_32 = b"\xdd"


class Origin(msgspec.Struct, array_like=True, gc=False):
    """Where a use came from."""

    source_ip: str | None = None


class ScannedUse(msgspec.Struct, array_like=True, gc=False):
    """The state of a `key-used/1`, field for field; what no count needs is left undecoded."""

    occurred_at: int
    recorded_at: int
    organization_id: msgspec.Raw
    actor_id: msgspec.Raw
    authentication: int
    key_id: bytes
    service: str
    caller: str | None = None
    reporter: msgspec.Raw = msgspec.Raw()
    origin: Origin | None = None
    count: int = 1
    error_count: int = 0
    last_at: int | None = None


class Source(msgspec.Struct, frozen=True):
    """How another process opens the same database to read it; may hold a password."""

    kind: str
    parameters: dict[str, Any]


_decode_many = msgspec.msgpack.Decoder(list[ScannedUse]).decode


def decode_uses(rows: Sequence[Row]) -> list[ScannedUse]:
    """The uses that rows hold: one call for all of them costs a third of one each."""
    states = [state for _, state in rows]
    try:
        uses = _decode_many(_ARRAY_32 + len(states).to_bytes(4) + b"".join(states))
    except msgspec.MsgspecError as error:
        raise LedgerCorrupt(
            f"a use among the events {rows[0][0]} to {rows[-1][0]} cannot be decoded: {error}"
        ) from None
    if len(uses) != len(states):
        raise LedgerCorrupt(f"a use among the events {rows[0][0]} to {rows[-1][0]} is not one")
    return uses


def scan(kind: str, driver: Any, after: int, until: int) -> Iterator[list[Row]]:  # noqa: ANN401
    """The uses at the positions after one and up to another, in order, in batches."""
    while after < until:
        # A reading that never ends would keep SQLite's journal from starting anew.
        end = min(after + READING_SIZE, until)
        rows = iter(_IN[kind](driver, after, end))
        while batch := list(islice(rows, BATCH_SIZE)):
            yield batch
        after = end


@contextmanager
def opened(source: Source) -> Iterator[Any]:
    """A driver's connection of this process's own."""
    if source.kind == SQLITE:
        connection = sqlite3.connect(**source.parameters)
    else:
        import psycopg  # noqa: PLC0415 - only what is in use

        connection = psycopg.connect(**source.parameters)
    with closing(connection):
        yield connection


def _in_sqlite(driver: sqlite3.Connection, after: int, until: int) -> Iterable[Row]:
    return driver.execute(_IN_SQLITE, (after, until))


def _in_postgresql(driver: Any, after: int, until: int) -> Iterator[Row]:  # noqa: ANN401
    with driver.cursor() as cursor, cursor.copy(_IN_POSTGRESQL, (after, until)) as copy:
        copy.set_types(["int8", "bytea"])
        yield from copy.rows()


_IN = {SQLITE: _in_sqlite, POSTGRESQL: _in_postgresql}
