"""Intake: streams of uses and observations into durable batches; repeats are recognized, refusals told."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from enum import Enum
from typing import TypeAlias

import msgspec
from eventsourcing.persistence import IntegrityError

from ledger import ids, outside
from ledger.acceptance import Tails
from ledger.actor import Stamp
from ledger.batch import Batch, Preparation
from ledger.dialect import OnWait
from ledger.event_store import EventRecorder
from ledger.observation import UsageSummary
from ledger.outside import Told
from ledger.repeats import Expected, Outcome, append_free, append_new, append_once
from ledger.usage import Intake, Refusal, Use

BATCH_SIZE = 1000

_HANDOVER_TIMEOUT_S = 1.0
_COUNTED = (Use, UsageSummary)

_CONFLICT = (
    "another use with this id and moment, but other content, is stored already;"
    " it was kept and this one was not"
)

OnRefused: TypeAlias = Callable[[Refusal], object]
OnBatch: TypeAlias = Callable[[Intake, str | int], object]


class Flush(Enum):
    """Ends a batch before it is full, where no more items are at hand."""

    NOW = "now"


Item: TypeAlias = Told | Refusal | Flush


class _Stored(msgspec.Struct):
    """What became of a batch, and how many keys it spoke of for the first time."""

    batch: Batch
    outcome: Outcome[Told]
    keys_registered: int


class Remembered:
    """What one process need not look up or check again: the keys of organizations, and what uses say."""

    def __init__(self) -> None:
        # Keys never leave the index, so what was known once is known.
        self.keys: defaultdict[bytes, set[bytes]] = defaultdict(set)
        self.tails: Tails = {}


class Recording:
    """One stream of items from one actor; each batch is one transaction, acknowledged when it is on disk.

    While a full batch but the first is stored in a thread of its own, the next one is read and prepared.
    """

    def __init__(
        self,
        recorder: EventRecorder,
        stamp: Callable[[], Stamp],
        random_bytes: ids.RandomBytes,
        known: set[bytes],
        tails: Tails,
    ) -> None:
        self.intake = Intake()
        self._recorder = recorder
        self._stamp = stamp
        self._known = known
        self._preparation = Preparation(recorder.database, random_bytes, known, tails)
        self._expected = Expected.NEW

    def run(self, items: Iterable[Item], on_refused: OnRefused, on_batch: OnBatch) -> Intake:
        """Take everything in, a batch at a time, in bounded memory."""

        def acknowledge(stored: _Stored) -> None:
            for refusal in self._count(stored):
                on_refused(refusal)
            on_batch(self.intake, stored.batch.reached)

        behind: Future[_Stored] | None = None
        flows = False
        with ExitStack() as threads:
            writer: ThreadPoolExecutor | None = None
            try:
                for items_at_hand in _batches(items):
                    batch = self._prepare(items_at_hand) if items_at_hand else None
                    if behind is not None:
                        stored, behind = behind, None
                        acknowledge(stored.result())
                    if batch is None:
                        continue
                    # Many a stream is but one batch, which a thread for it alone would hold up.
                    if not flows or len(items_at_hand) < BATCH_SIZE:
                        acknowledge(self._store(batch))
                        flows = True
                        continue
                    writer = writer or threads.enter_context(ThreadPoolExecutor(1, "keyledger-append"))
                    behind = self._hand_over(writer, batch)
            finally:
                # Also where reading failed: what is on disk by then is told.
                if behind is not None:
                    acknowledge(behind.result())
        return self.intake

    def _prepare(self, items: Sequence[Told | Refusal]) -> Batch:
        batch = self._preparation.batch(items, self._stamp())
        if batch.familiar and batch.entries and self._expected is Expected.NEW:
            batch.packed = self._recorder.pack([entry.row for entry in batch.entries])
        return batch

    def _hand_over(self, writer: ThreadPoolExecutor, batch: Batch) -> "Future[_Stored]":
        handed_over = threading.Event()

        def store() -> _Stored:
            try:
                return self._store(batch, handed_over.set)
            finally:
                handed_over.set()

        stored = writer.submit(store)
        # Without this wait the next batch would be prepared first, as it keeps the interpreter to itself.
        handed_over.wait(_HANDOVER_TIMEOUT_S)
        return stored

    def _store(self, batch: Batch, on_wait: OnWait = lambda: None) -> _Stored:
        if not batch.entries:
            return _Stored(batch, Outcome([], [], []), 0)
        return self._recorder.database.insist(
            lambda tries: self._try_to_store(batch, on_wait, again=tries > 0)
        )

    def _try_to_store(self, batch: Batch, on_wait: OnWait, *, again: bool) -> _Stored:
        if again:
            return self._store_as(Expected.OUR_OWN, batch, on_wait)
        try:
            return self._store_as(self._expected, batch, on_wait)
        except IntegrityError:
            # A look-up first would take longer than this does now and then.
            return self._store_as(Expected.SOME_REPEATS, batch, on_wait)

    def _store_as(self, expected: Expected, batch: Batch, on_wait: OnWait) -> _Stored:
        entries, stamp = batch.entries, batch.stamp
        if batch.packed and expected is Expected.NEW:
            return self._stored(batch, append_new(self._recorder, entries, batch.packed, on_wait), 0)
        if batch.familiar and expected is not Expected.OUR_OWN:
            return self._stored(batch, append_free(self._recorder, entries, on_wait), 0)
        unknown = outside.unheard_of([entry.item for entry in entries], stamp.organization_id, self._known)
        with self._recorder.database.write() as connection:
            strangers = outside.meet(connection, self._recorder, unknown, entries, stamp) if unknown else {}
            outcome = append_once(connection, self._recorder, entries, expected, on_wait)
            links = outside.index(connection, outcome.stored, stamp)
            append_once(connection, self._recorder, links, Expected.SOME_REPEATS)
        # Not |= with a view of keys, which would copy all that is known.
        self._known.update(strangers)
        return self._stored(batch, outcome, len(strangers))

    def _stored(self, batch: Batch, outcome: Outcome[Told], keys_registered: int) -> _Stored:
        self._expected = Expected.SOME_REPEATS if outcome.has_repeats else Expected.NEW
        return _Stored(batch, outcome, keys_registered)

    def _count(self, stored: _Stored) -> list[Refusal]:
        """Add a batch to the counts; returns all that was refused of it."""
        intake, outcome = self.intake, stored.outcome
        conflicts = [Refusal(entry.item.where, _CONFLICT) for entry in outcome.conflicts]
        refused = stored.batch.refusals + conflicts
        kept, duplicates = len(outcome.stored), len(outcome.duplicates)
        if not stored.batch.familiar:
            kept = sum(isinstance(entry.item, _COUNTED) for entry in outcome.stored)
            duplicates = sum(isinstance(entry.item, _COUNTED) for entry in outcome.duplicates)
        intake.read += kept + duplicates + len(refused)
        intake.stored += kept
        intake.duplicates += duplicates
        intake.refused += len(refused)
        intake.observations += len(outcome.stored) - kept
        intake.keys_registered += stored.keys_registered
        return refused


def _batches(items: Iterable[Item]) -> Iterator[list[Told | Refusal]]:
    """Full batches, and at a Flush what there is: even nothing, as a full one may still wait to be told."""
    batch: list[Told | Refusal] = []
    for item in items:
        if item is not Flush.NOW:
            batch.append(item)
        if len(batch) == BATCH_SIZE or item is Flush.NOW:
            yield batch
            batch = []
    if batch:
        yield batch
