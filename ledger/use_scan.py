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
ANSWER_SIZE = 20_000

TOPIC = "key-used/1"

SQLITE = "sqlite"
POSTGRESQL = "postgresql"

# A use's place in the ledger, and its state as stored.
Row = tuple[int, bytes]

# The topic stands in the text, where an index of all that is no use can be matched with it.
_USES = f"topic = '{TOPIC}'"
# Where the state of nearly every use has the first byte of the key's id, which is random.
_KEY_BYTE = 59
_IN_SQLITE = f"SELECT position, state FROM events WHERE position > ? AND position <= ? AND {_USES}"  # noqa: S608
# An operator that looks at the byte once.
_SHARE_IN_SQLITE = f" AND substr(state, {_KEY_BYTE}, 1) BETWEEN ? AND ?"
_IN_POSTGRESQL = _IN_SQLITE.replace("?", "%s")
_SHARE_IN_POSTGRESQL = f" AND substring(state FROM {_KEY_BYTE} FOR 1) BETWEEN %s AND %s"
_ORDER = " ORDER BY 1"

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


class Share(msgspec.Struct, frozen=True):
    """One of several parts of all uses, such that nearly always all uses of a key are in one.

    Keys of a part lie side by side in a table's tree, so that several parts do not split each other's pages.
    """

    part: int = 0
    parts: int = 1

    @property
    def bounds(self) -> tuple[bytes, bytes]:
        """The first byte of the key and the last, as byte strings that compare so."""
        first, end = (part * 256 // self.parts for part in (self.part, self.part + 1))
        # A state that is too short for one has the empty string there, which is less than any byte.
        return bytes([first]) if first else b"", bytes([end - 1])


EVERYTHING = Share()


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


def scan(
    kind: str,
    driver: Any,  # noqa: ANN401 - either driver's connection
    after: int,
    until: int,
    share: Share = EVERYTHING,
) -> Iterator[list[Row]]:
    """The uses of a share at the positions after one and up to another, in order, in batches."""
    while after < until:
        # A reading that never ends would keep SQLite's journal from starting anew.
        end = min(after + READING_SIZE, until)
        rows = iter(_IN[kind](driver, after, end, share))
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


def _in_sqlite(driver: sqlite3.Connection, after: int, until: int, share: Share) -> Iterable[Row]:
    if share == EVERYTHING:
        return driver.execute(_IN_SQLITE + _ORDER, (after, until))
    return driver.execute(_IN_SQLITE + _SHARE_IN_SQLITE + _ORDER, (after, until, *share.bounds))


def _in_postgresql(driver: Any, after: int, until: int, share: Share) -> Iterator[Row]:  # noqa: ANN401
    query, of_share = _IN_POSTGRESQL, tuple[bytes, ...]()
    if share != EVERYTHING:
        query, of_share = query + _SHARE_IN_POSTGRESQL, share.bounds
    # Not by COPY, whose rows the driver takes apart at half the pace; so all of an answer is held.
    with driver.cursor(binary=True) as cursor:
        for start in range(after, until, ANSWER_SIZE):
            end = min(start + ANSWER_SIZE, until)
            yield from cursor.execute(query + _ORDER, (start, end, *of_share)).fetchall()


_IN = {SQLITE: _in_sqlite, POSTGRESQL: _in_postgresql}
