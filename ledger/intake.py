"""Intake: streams of uses and observations into durable batches; repeats are recognized, refusals told."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from enum import Enum
from typing import Any, TypeAlias

import msgspec
from eventsourcing.persistence import IntegrityError

from ledger import credentials, ids, outside
from ledger.acceptance import Acceptance, Tails
from ledger.actor import Stamp
from ledger.dialect import OnWait
from ledger.errors import InvalidInput
from ledger.event_store import EventRecorder
from ledger.events import Event
from ledger.observation import (
    Coverage,
    ExternalKey,
    Observation,
    UsageSummary,
    check_texts,
    content_id,
    covered,
    observed,
    observed_key_id,
    summarized,
)
from ledger.outside import Told
from ledger.repeats import Entry, Expected, Outcome, append_free, append_new, append_once, entry_of
from ledger.usage import Intake, Refusal, Use, check_not_future

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


class _Batch(msgspec.Struct):
    """Items on their way to the disk: what can be stored, what is refused, and where the last was read.

    Where all that can be stored are uses of keys that are known it is `familiar`; `packed` where all are
    taken to be new, too.
    """

    entries: list[Entry[Told]]
    refusals: list[Refusal]
    stamp: Stamp
    reached: str | int
    familiar: bool = True
    packed: object = None


class _Stored(msgspec.Struct):
    """What became of a batch, and how many keys it spoke of for the first time."""

    batch: _Batch
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
        self._random_bytes = random_bytes
        self._known = known
        self._ids: dict[ExternalKey, bytes] = {}
        self._tails = tails
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

    def _prepare(self, items: Sequence[Told | Refusal]) -> _Batch:
        stamp = self._stamp()
        acceptance = Acceptance(stamp, self._random_bytes, self._tails)
        batch = _Batch([], [], stamp, items[-1].where)
        known, row, store = self._known, acceptance.row, batch.entries.append
        asked = False
        for item in items:
            try:
                if isinstance(item, Use):
                    key: Any = item.key
                    if key not in known:
                        if not asked:
                            self._learn(items, stamp.organization_id)
                            asked = True
                        key = self._key_of(item, stamp)
                        batch.familiar = batch.familiar and key in known
                    store(Entry(item, row(item, key)))
                elif isinstance(item, Refusal):
                    batch.refusals.append(item)
                else:
                    batch.familiar = False
                    event = self._event(item, stamp)
                    store(entry_of(item, content_id(event), event))
            except InvalidInput as error:
                batch.refusals.append(Refusal(item.where, str(error)))
            except UnicodeEncodeError:
                told = "a text in it is not Unicode and cannot be stored"
                batch.refusals.append(Refusal(item.where, told))
        if batch.familiar and batch.entries and self._expected is Expected.NEW:
            batch.packed = self._recorder.pack([entry.row for entry in batch.entries])
        return batch

    def _hand_over(self, writer: ThreadPoolExecutor, batch: _Batch) -> "Future[_Stored]":
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

    def _store(self, batch: _Batch, on_wait: OnWait = lambda: None) -> _Stored:
        if not batch.entries:
            return _Stored(batch, Outcome([], [], []), 0)
        return self._recorder.database.insist(
            lambda tries: self._try_to_store(batch, on_wait, again=tries > 0)
        )

    def _try_to_store(self, batch: _Batch, on_wait: OnWait, *, again: bool) -> _Stored:
        if again:
            return self._store_as(Expected.OUR_OWN, batch, on_wait)
        try:
            return self._store_as(self._expected, batch, on_wait)
        except IntegrityError:
            # A look-up first would take longer than this does now and then.
            return self._store_as(Expected.SOME_REPEATS, batch, on_wait)

    def _store_as(self, expected: Expected, batch: _Batch, on_wait: OnWait) -> _Stored:
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

    def _stored(self, batch: _Batch, outcome: Outcome[Told], keys_registered: int) -> _Stored:
        self._expected = Expected.SOME_REPEATS if outcome.has_repeats else Expected.NEW
        return _Stored(batch, outcome, keys_registered)

    def _learn(self, items: Sequence[Told | Refusal], organization_id: bytes) -> None:
        keys = {item.key for item in items if isinstance(item, Use)} - self._known
        asked = {key for key in keys if isinstance(key, bytes)}
        if asked:

            def known(_tries: int) -> set[bytes]:
                with self._recorder.database.read() as connection:
                    return credentials.known(connection, organization_id, asked)

            self._known.update(self._recorder.database.insist(known))

    def _key_id(self, key: bytes | ExternalKey, organization_id: bytes) -> bytes:
        if isinstance(key, bytes):
            return key
        key_id = self._ids.get(key)
        if key_id is None:
            check_texts(key)
            key_id = self._ids[key] = observed_key_id(organization_id, key)
        return key_id

    def _event(self, item: Observation | UsageSummary | Coverage, stamp: Stamp) -> Event:
        check_texts(item)
        match item:
            case Observation():
                check_not_future(item.occurred_at, stamp.recorded_at)
                return observed(item, self._key_id(item.key, stamp.organization_id), stamp)
            case UsageSummary():
                check_not_future(item.covers_to, stamp.recorded_at)
                return summarized(item, self._key_id(item.key, stamp.organization_id), stamp)
            case Coverage():
                check_not_future(item.covers_to, stamp.recorded_at)
                return covered(item, stamp)

    def _key_of(self, use: Use, stamp: Stamp) -> bytes:
        if not isinstance(use.key, bytes):
            check_texts(use.key)
            return self._key_id(use.key, stamp.organization_id)
        if use.key not in self._known:
            raise InvalidInput(f"unknown key {ids.format_id(use.key)}; `keyledger key list` shows the keys")
        return use.key

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
