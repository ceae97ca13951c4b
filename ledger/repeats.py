"""Events in streams of their own, appended once: a repeat is recognized by what it says, so is a conflict."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec
from sqlalchemy import Connection, exc, select

from ledger.encoding import decode, encode
from ledger.event_store import EventRecorder, EventRow
from ledger.events import Event
from ledger.schema import events

_LOOKUP_CHUNK = 500

T = TypeVar("T")


class Entry(msgspec.Struct, Generic[T]):
    """An item on its way into the ledger, with the event that it becomes and the stream of it."""

    item: T
    stream_id: bytes
    event: Event
    row: EventRow


def entry_of(item: T, stream_id: bytes, event: Event) -> Entry[T]:
    """An entry with its row encoded."""
    return Entry(item, stream_id, event, (stream_id, 1, event.topic, encode(event)))


class Outcome(msgspec.Struct, Generic[T]):
    """What became of the entries of one batch."""

    stored: list[Entry[T]]
    duplicates: list[Entry[T]]
    conflicts: list[Entry[T]]


def append_once(connection: Connection, recorder: EventRecorder, entries: Sequence[Entry[T]]) -> Outcome[T]:
    """Append the entries whose streams are free, recognizing repeats by their content.

    Most batches hold no repeat, so the plain append is tried first and the look-up done only when it fails.
    """
    savepoint = connection.begin_nested()
    try:
        recorder.append(connection, [entry.row for entry in entries])
    except exc.IntegrityError:
        savepoint.rollback()
    else:
        savepoint.commit()
        return Outcome(list(entries), [], [])
    outcome = _sort_out(entries, _standing(connection, [entry.stream_id for entry in entries]))
    recorder.append(connection, [entry.row for entry in outcome.stored])
    return outcome


def _sort_out(entries: Sequence[Entry[T]], standing: dict[bytes, Event]) -> Outcome[T]:
    outcome: Outcome[T] = Outcome([], [], [])
    for entry in entries:
        found = standing.setdefault(entry.stream_id, entry.event)
        if found is entry.event:
            outcome.stored.append(entry)
        elif _content(found) == _content(entry.event):
            outcome.duplicates.append(entry)
        else:
            outcome.conflicts.append(entry)
    return outcome


def _standing(connection: Connection, stream_ids: Sequence[bytes]) -> dict[bytes, Event]:
    found: dict[bytes, Event] = {}
    for start in range(0, len(stream_ids), _LOOKUP_CHUNK):
        chunk = events.c.originator_id.in_(stream_ids[start : start + _LOOKUP_CHUNK])
        query = select(events.c.originator_id, events.c.topic, events.c.state).where(chunk)
        found.update((row[0], decode(row[1], row[2])) for row in connection.execute(query))
    return found


def _content(event: Event) -> tuple[object, ...]:
    """What the caller said: all but who recorded it and when."""
    occurred_at, _, organization_id, _, _, *said = msgspec.structs.astuple(event)
    return (event.topic, occurred_at, organization_id, *said)
