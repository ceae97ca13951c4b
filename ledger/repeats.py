"""Events in streams of their own, appended once: a repeat is recognized by what it says, so is a conflict."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec
from sqlalchemy import Connection, select

from ledger.database import driver_rows
from ledger.dialect import EventRow
from ledger.encoding import decode, encode
from ledger.event_store import EventRecorder
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

    @property
    def has_repeats(self) -> bool:
        """Whether some places were taken."""
        return bool(self.duplicates or self.conflicts)


def append_once(
    connection: Connection,
    recorder: EventRecorder,
    entries: Sequence[Entry[T]],
    *,
    expect_repeats: bool = False,
    again: bool = False,
) -> Outcome[T]:
    """Append the entries whose streams are free, recognizing repeats by their content.

    Most batches hold no repeat, so the plain append is tried first and the look-up done only when it fails,
    or at once where repeats are expected. `again` says that these very rows may be there from an earlier try
    whose answer was lost: such count as stored.
    """
    rows = [entry.row for entry in entries]
    if not (expect_repeats or again) and recorder.try_append(connection, rows):
        return Outcome(list(entries), [], [])
    standing = _standing(connection, [row[0] for row in rows])
    ours = {row[0] for row in rows if again and standing.get(row[0]) == row[2:]}
    outcome = _sort_out([entry for entry in entries if entry.stream_id not in ours], standing)
    recorder.append(connection, [entry.row for entry in outcome.stored])
    outcome.stored += [entry for entry in entries if entry.stream_id in ours]
    return outcome


def _sort_out(entries: Sequence[Entry[T]], standing: dict[bytes, tuple[str, bytes]]) -> Outcome[T]:
    outcome: Outcome[T] = Outcome([], [], [])
    for entry in entries:
        said = entry.row[2:]
        found = standing.setdefault(entry.stream_id, said)
        if found is said:
            outcome.stored.append(entry)
        elif _content(decode(*found)) == _content(entry.event):
            outcome.duplicates.append(entry)
        else:
            outcome.conflicts.append(entry)
    return outcome


def _standing(connection: Connection, stream_ids: Sequence[bytes]) -> dict[bytes, tuple[str, bytes]]:
    """The topics and states that stand in those of the streams that are taken."""
    found: dict[bytes, tuple[str, bytes]] = {}
    for start in range(0, len(stream_ids), _LOOKUP_CHUNK):
        chunk = events.c.originator_id.in_(stream_ids[start : start + _LOOKUP_CHUNK])
        query = select(events.c.originator_id, events.c.topic, events.c.state).where(chunk)
        found.update((row[0], (row[1], row[2])) for row in driver_rows(connection, query))
    return found


def _content(event: Event) -> tuple[object, ...]:
    """What the caller said: all but who recorded it and when."""
    occurred_at, _, organization_id, _, _, *said = msgspec.structs.astuple(event)
    return (event.topic, occurred_at, organization_id, *said)
