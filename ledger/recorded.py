"""Single events as the ledger holds them, and their readable form."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from ledger.database import Database
from ledger.encoding import decode
from ledger.errors import NotFound
from ledger.event_store import max_position
from ledger.events import Event
from ledger.ids import ID_BYTES, format_id
from ledger.moments import format_moment
from ledger.schema import events

_LOOKUP_CHUNK = 500
_MOMENT = "_at"
_PERIOD = ("covers_from", "covers_to")


class Recorded(msgspec.Struct, frozen=True):
    """An event with its place in the ledger and in its stream."""

    position: int
    stream_id: bytes
    version: int
    event: Event


def event_at(database: Database, organization_id: bytes, position: int) -> Recorded:
    """The event of an organization at a position; NotFound says how far the ledger goes."""
    with database.read() as connection:
        last = max_position(connection)
        # Positions have no gaps.
        if not 1 <= position <= last:
            raise NotFound(f"there is no event at position {position}; the ledger's last is {last}")
        (found,) = events_at(connection, [position])
    if found.event.organization_id != organization_id:
        raise NotFound(f"the event at position {position} is of another organization; say which with --org")
    return found


def missing_between(after: int, end: int, missing: int) -> str:
    """What it means where positions without gaps seem to have some."""
    return (
        f"{missing} of the events at positions {after + 1} to {end} cannot be read: the ledger is damaged;"
        " restore it from a backup"
    )


def events_at(connection: Connection, positions: Sequence[int]) -> list[Recorded]:
    """The events at some positions, in no particular order."""
    found: list[Recorded] = []
    for start in range(0, len(positions), _LOOKUP_CHUNK):
        chunk = events.c.position.in_(positions[start : start + _LOOKUP_CHUNK])
        for position, stream_id, version, topic, state in connection.execute(select(events).where(chunk)):
            found.append(Recorded(position, stream_id, version, decode(topic, state)))
    return found


def stream_versions(connection: Connection, stream_ids: Sequence[bytes]) -> dict[bytes, int]:
    """The versions that some streams have come to; those without an event are left out."""
    found: dict[bytes, int] = {}
    stream, version = events.c.originator_id, func.max(events.c.originator_version)
    for start in range(0, len(stream_ids), _LOOKUP_CHUNK):
        chunk = stream.in_(stream_ids[start : start + _LOOKUP_CHUNK])
        query = select(stream, version).where(chunk).group_by(stream)
        found.update(connection.execute(query).tuples().all())
    return found


def readable(recorded: Recorded) -> dict[str, Any]:
    """The event in words, fit for JSON: ids and moments as text, enumerations by name, bytes as hex."""
    return {
        "position": recorded.position,
        "topic": recorded.event.topic,
        "stream_id": format_id(recorded.stream_id),
        "version": recorded.version,
        **_fields(recorded.event),
    }


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in msgspec.structs.asdict(struct).items()}


def _value(name: str, value: object) -> object:
    match value:
        case msgspec.Struct():
            return _fields(value)
        case bytes():
            return format_id(value) if len(value) == ID_BYTES else value.hex()
        case IntEnum():
            return value.name.lower().replace("_", "-")
        case int() if name.endswith(_MOMENT) or name in _PERIOD:
            return format_moment(value)
        case tuple():
            return list(value)
        case _:
            return value
