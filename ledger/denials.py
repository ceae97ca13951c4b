"""Denied uses, coalesced: a minute's first is an event at once, the rest are counted and told together."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, delete, select

from ledger import ids
from ledger.database import driver_execute
from ledger.dialect import Dialect, EventRow
from ledger.encoding import decode, encode
from ledger.event_store import EventRecorder
from ledger.events import Authentication, DenialReason, KeyUseDenied
from ledger.schema import denied_uses

MINUTE_US = 60_000_000
FLUSH_LIMIT = 100

# By the driver: a key that is refused is presented again and again.
_WAITING = "SELECT 1 FROM denied_uses WHERE ends_at <= ? LIMIT 1"
_VERSION = "SELECT coalesce(max(originator_version), 0) + 1 FROM events WHERE originator_id = ?"
_COUNT = """
    UPDATE denied_uses SET
        count = count + ?,
        first_at = CASE WHEN first_at > ? THEN ? ELSE first_at END,
        last_at = CASE WHEN last_at < ? THEN ? ELSE last_at END
    WHERE stream_id = ?"""
_BEGIN_TO_COUNT = """
    INSERT INTO denied_uses (stream_id, ends_at, count, first_at, last_at, state) VALUES (?, ?, ?, ?, ?, ?)"""


class _Group(msgspec.Struct):
    """Denials of one key, caller, service, reason and minute."""

    first: KeyUseDenied
    moments: list[int]


def record_denials(connection: Connection, denials: Iterable[KeyUseDenied]) -> list[EventRow]:
    """Count denials; returns the rows of those that are the first of their minute, which are to be appended.

    So a hammering client fills no ledger.
    """
    rows: list[EventRow] = []
    for stream_id, group in _grouped(denials).items():
        # What is counted already is nearly all of it, and takes one statement.
        if _count(connection, stream_id, group):
            continue
        version = _next_version(connection, stream_id)
        if version == 1:
            rows.append((stream_id, version, group.first.topic, encode(group.first)))
            del group.moments[0]
        if group.moments:
            _begin_to_count(connection, stream_id, group)
    return rows


def count_nowhere(connection: Connection, dialect: Dialect, now: int) -> None:
    """Do for an unknown secret what is done to count a denial: no watch tells them apart."""
    nobody = bytes(ids.ID_BYTES)
    header = (now, now, nobody, nobody, Authentication.KEY)
    denial = KeyUseDenied(*header, key_id=nobody, reason=DenialReason.REVOKED, service="")
    for group in _grouped([denial]).values():
        _count(connection, dialect.touch(connection, now), group)


def denials_wait(connection: Connection, now: int) -> bool:
    """Whether denials of a minute that is over are still to be told."""
    return driver_execute(connection, _WAITING, (now,)).fetchone() is not None


def flush_denied(connection: Connection, recorder: EventRecorder, now: int) -> None:
    """Append what was counted of denials in minutes that are over, as one event a key, caller and minute."""
    is_over = denied_uses.c.ends_at <= now
    # What has no state is a mark, for which nobody asks any more.
    connection.execute(delete(denied_uses).where(is_over, denied_uses.c.state == b""))
    over = select(denied_uses).where(is_over).limit(FLUSH_LIMIT)
    for row in connection.execute(over).all():
        connection.execute(delete(denied_uses).where(denied_uses.c.stream_id == row.stream_id))
        first = decode(KeyUseDenied.topic, row.state)
        rest = msgspec.structs.replace(
            first, occurred_at=row.first_at, recorded_at=now, count=row.count, last_at=row.last_at
        )
        recorder.append(
            connection, [(row.stream_id, _next_version(connection, row.stream_id), rest.topic, encode(rest))]
        )


def _grouped(denials: Iterable[KeyUseDenied]) -> dict[bytes, _Group]:
    groups: dict[bytes, _Group] = {}
    for event in denials:
        at = event.occurred_at
        minute = at - at % MINUTE_US
        parts = ("denied", event.organization_id, event.key_id, event.reason, event.service, event.caller)
        stream_id = ids.timed_id(minute, ids.digest(*parts, minute))
        groups.setdefault(stream_id, _Group(event, [])).moments.append(at)
    return groups


def _count(connection: Connection, stream_id: bytes, group: _Group) -> bool:
    """Add to what is counted of the minute; False where nothing is yet."""
    first_at, last_at = min(group.moments), max(group.moments)
    values = (len(group.moments), first_at, first_at, last_at, last_at, stream_id)
    return bool(driver_execute(connection, _COUNT, values).rowcount)


def _begin_to_count(connection: Connection, stream_id: bytes, group: _Group) -> None:
    first_at, last_at = min(group.moments), max(group.moments)
    ends_at = first_at - first_at % MINUTE_US + MINUTE_US
    values = (stream_id, ends_at, len(group.moments), first_at, last_at, encode(group.first))
    driver_execute(connection, _BEGIN_TO_COUNT, values)


def _next_version(connection: Connection, stream_id: bytes) -> int:
    return int(driver_execute(connection, _VERSION, (stream_id,)).fetchone()[0])
