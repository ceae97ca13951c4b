"""Marks that transactions of PostgreSQL leave, by which they are told again where their answers are lost.

The number of a transaction would not do: a server that is killed gives it to another one.
"""

from collections.abc import MutableMapping
from secrets import token_bytes
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger.ids import ID_BYTES

# A connection's own row among the denials that are counted. Nobody else writes it, nor does the connection
# once a commit has failed, so what that wrote stands. What is indexed changes seldom, as that is dear.
_MARK = """
    INSERT INTO denied_uses (stream_id, ends_at, count, first_at, last_at, state)
    VALUES (%(name)b, %(ends_at)s, 0, %(number)s, 0, '')
    ON CONFLICT (stream_id) DO UPDATE SET first_at = excluded.first_at,
        ends_at = CASE WHEN denied_uses.ends_at - %(now)s < %(least)s
                       THEN excluded.ends_at ELSE denied_uses.ends_at END"""
_MARKED = "SELECT first_at FROM denied_uses WHERE stream_id = %(name)b"
_UNMARK = "DELETE FROM denied_uses WHERE stream_id = %(name)b"
# How long whoever could not record is expected to try again at most.
_LEAST_KEPT_US = 24 * 3600 * 1_000_000
_KEPT_US = 2 * _LEAST_KEPT_US
# While a backup reads, a row is looked for among all that it has been.
_WRITTEN_MOST = 500

# Where a connection has its own mark.
_MARKS = "marks"


class Mark(NamedTuple):
    """A connection's row, and the number of the transaction that wrote it."""

    name: bytes
    number: int


def leave(connection: Connection, now: int) -> Mark:
    """Leave a mark with what this transaction writes."""
    name, number = connection.info.get(_MARKS) or (token_bytes(ID_BYTES), 0)
    if number == _WRITTEN_MOST:
        # What was answered is asked for by nobody.
        connection.exec_driver_sql(_UNMARK, {"name": name})
        name, number = token_bytes(ID_BYTES), 0
    connection.info[_MARKS] = mark = Mark(name, number + 1)
    values = {"name": name, "number": mark.number, "ends_at": now + _KEPT_US}
    connection.exec_driver_sql(_MARK, values | {"now": now, "least": _LEAST_KEPT_US})
    return mark


def stands(connection: Connection, mark: Mark) -> bool:
    """Whether the transaction that left a mark has taken effect."""
    found = connection.exec_driver_sql(_MARKED, {"name": mark.name}).scalar()
    return bool(found == mark.number)


def give_up(info: MutableMapping[Any, Any]) -> None:
    """Let a connection, of which this is known, write its mark no more: nobody knows what became of it."""
    info.pop(_MARKS, None)
