"""Events in streams of their own, appended once: a repeat is recognized by what it says, so is a conflict."""

from collections.abc import Sequence
from enum import Enum
from typing import Generic, TypeVar

import msgspec
from sqlalchemy import Connection

from ledger.dialect import EventRow, OnWait
from ledger.encoding import decode, encode
from ledger.event_store import EventRecorder
from ledger.events import Event

T = TypeVar("T")


class Entry(msgspec.Struct, Generic[T], gc=False):
    """An item on its way into the ledger, with the row that it becomes: the only one of its stream."""

    item: T
    row: EventRow

    @property
    def stream_id(self) -> bytes:
        """The stream that the item is alone in."""
        return self.row[0]

    @property
    def topic(self) -> str:
        """The kind of event that the item becomes."""
        return self.row[2]

    @property
    def event(self) -> Event:
        """The event that the item becomes."""
        return decode(*self.row[2:])


def entry_of(item: T, stream_id: bytes, event: Event) -> Entry[T]:
    """An entry with its row encoded."""
    return Entry(item, (stream_id, 1, event.topic, encode(event)))


class Outcome(msgspec.Struct, Generic[T]):
    """What became of the entries of one batch."""

    stored: list[Entry[T]]
    duplicates: list[Entry[T]]
    conflicts: list[Entry[T]]

    @property
    def has_repeats(self) -> bool:
        """Whether some places were taken."""
        return bool(self.duplicates or self.conflicts)


class Expected(Enum):
    """What a batch is taken for, which decides how it is appended."""

    NEW = "new"
    SOME_REPEATS = "some repeats"
    OUR_OWN = "our own"


def append_once(
    connection: Connection,
    recorder: EventRecorder,
    entries: Sequence[Entry[T]],
    expected: Expected,
    on_wait: OnWait = lambda: None,
) -> Outcome[T]:
    """Append the entries whose streams are free, recognizing repeats by their content.

    What is expected to be new is appended without a look-up; IntegrityError says that it is not, and ends the
    transaction. Our own are rows of an earlier try whose answer was lost: where they stand to the byte they
    count as stored. `on_wait` is called before the database is waited for.
    """
    rows = [entry.row for entry in entries]
    if not rows:
        return Outcome([], [], [])
    if expected is Expected.NEW:
        recorder.append(connection, rows, on_wait)
        return Outcome(list(entries), [], [])
    found = recorder.database.dialect.standing(connection, [row[0] for row in rows])
    standing = {stream_id: (topic, state) for stream_id, topic, state in found}
    ours: dict[bytes, Entry[T]] = {}
    if expected is Expected.OUR_OWN:
        for entry in entries:
            if standing.get(entry.stream_id) == entry.row[2:]:
                ours.setdefault(entry.stream_id, entry)
        recorder.database.dialect.confirm(connection)
    outcome = _sort_out([entry for entry in entries if ours.get(entry.stream_id) is not entry], standing)
    recorder.append(connection, [entry.row for entry in outcome.stored], on_wait)
    outcome.stored += ours.values()
    return outcome


def append_new(
    recorder: EventRecorder, entries: Sequence[Entry[T]], packed: object, on_wait: OnWait
) -> Outcome[T]:
    """Append entries of one kind, packed by the recorder, in a transaction of their own.

    IntegrityError says that the stream of one is taken; then nothing is appended.
    """
    recorder.append_alone(packed, on_wait)
    return Outcome(list(entries), [], [])


def append_free(recorder: EventRecorder, entries: Sequence[Entry[T]], on_wait: OnWait) -> Outcome[T]:
    """Append those entries of one kind whose streams are free, in a transaction of their own."""
    firsts: dict[bytes, Entry[T]] = {}
    for entry in entries:
        firsts.setdefault(entry.stream_id, entry)
    stored = frozenset(recorder.append_free([entry.row for entry in firsts.values()], on_wait))
    standing = {stream_id: firsts[stream_id].row[2:] for stream_id in stored}
    # What stands is never changed, so it can be looked at afterwards.
    with recorder.database.read() as connection:
        for stream_id, topic, state in recorder.database.dialect.standing(
            connection, list(firsts.keys() - stored)
        ):
            standing[stream_id] = (topic, state)
    ours = [entry for stream_id, entry in firsts.items() if stream_id in stored]
    others = [e for e in entries if e.stream_id not in stored or firsts[e.stream_id] is not e]
    outcome = _sort_out(others, standing)
    outcome.stored += ours
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


def _content(event: Event) -> tuple[object, ...]:
    """What the caller said: all but who recorded it and when."""
    occurred_at, _, organization_id, _, _, *said = msgspec.structs.astuple(event)
    return (event.topic, occurred_at, organization_id, *said)
