"""Intake: streams of uses and observations into durable batches; repeats are recognized, refusals told."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum
from typing import TypeAlias

import msgspec
from sqlalchemy import Connection

from ledger import credentials, ids
from ledger.actor import Stamp
from ledger.credentials import Credential
from ledger.errors import InvalidInput
from ledger.event_store import EventRecorder
from ledger.events import Event, KeyObserved
from ledger.observation import (
    Coverage,
    ExternalKey,
    Observation,
    UsageSummary,
    content_id,
    covered,
    is_slot,
    linkage,
    linked,
    observed,
    observed_key_id,
    summarized,
)
from ledger.repeats import Entry, Outcome, append_once, entry_of
from ledger.usage import Intake, Refusal, Use, check_not_future, check_use, use_stream_id, used

BATCH_SIZE = 1000

MATCHING = "keyledger"

_CONFLICT = (
    "another use with this id and moment, but other content, is stored already;"
    " it was kept and this one was not"
)

Told: TypeAlias = Use | Observation | UsageSummary | Coverage
OnRefused: TypeAlias = Callable[[Refusal], object]
OnBatch: TypeAlias = Callable[[Intake, str | int], object]


class Flush(Enum):
    """Ends a batch before it is full, where no more items are at hand."""

    NOW = "now"


Item: TypeAlias = Told | Refusal | Flush


class _Batch(msgspec.Struct):
    """Items on their way to the disk: what can be stored, what is refused, and where the last was read."""

    entries: list[Entry[Told]]
    refusals: list[Refusal]
    stamp: Stamp
    reached: str | int


class _Stored(msgspec.Struct):
    """What became of a batch, and how many keys it spoke of for the first time."""

    batch: _Batch
    outcome: Outcome[Told]
    keys_registered: int


class Recording:
    """One stream of items from one actor; each batch is one transaction, acknowledged when it is on disk.

    While a full batch is stored in a thread of its own, the next one is read and prepared.
    """

    def __init__(
        self,
        recorder: EventRecorder,
        stamp: Callable[[], Stamp],
        random_bytes: ids.RandomBytes,
        known: set[bytes],
    ) -> None:
        self.intake = Intake()
        self._recorder = recorder
        self._stamp = stamp
        self._random_bytes = random_bytes
        # Keys never leave the index, so what was known once is known.
        self._known = known
        self._ids: dict[ExternalKey, bytes] = {}
        self._expects_repeats = False

    def run(self, items: Iterable[Item], on_refused: OnRefused, on_batch: OnBatch) -> Intake:
        """Take everything in, a batch at a time, in bounded memory."""

        def acknowledge(stored: _Stored) -> None:
            for refusal in self._count(stored):
                on_refused(refusal)
            on_batch(self.intake, stored.batch.reached)

        behind: Future[_Stored] | None = None
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="keyledger-append") as writer:
            try:
                for items_at_hand in _batches(items):
                    batch = self._prepare(items_at_hand)
                    if behind is not None:
                        stored, behind = behind, None
                        acknowledge(stored.result())
                    if len(items_at_hand) == BATCH_SIZE:
                        behind = writer.submit(self._store, batch)
                    else:
                        acknowledge(self._store(batch))
            finally:
                # Also where reading failed: what is on disk by then is told.
                if behind is not None:
                    acknowledge(behind.result())
        return self.intake

    def _prepare(self, items: Sequence[Told | Refusal]) -> _Batch:
        stamp = self._stamp()
        self._learn(items, stamp.organization_id)
        batch = _Batch([], [], stamp, items[-1].where)
        for item in items:
            said = item if isinstance(item, Refusal) else self._entry(item, stamp)
            if isinstance(said, Refusal):
                batch.refusals.append(said)
            else:
                batch.entries.append(said)
        return batch

    def _store(self, batch: _Batch) -> _Stored:
        if not batch.entries:
            return _Stored(batch, Outcome([], [], []), 0)
        return self._recorder.database.insist(lambda tries: self._try_to_store(batch, again=tries > 0))

    def _try_to_store(self, batch: _Batch, *, again: bool) -> _Stored:
        entries, stamp = batch.entries, batch.stamp
        with self._recorder.database.write() as connection:
            strangers = self._strangers(connection, entries, stamp)
            self._meet(connection, strangers, entries, stamp)
            outcome = append_once(
                connection, self._recorder, entries, expect_repeats=self._expects_repeats, again=again
            )
            links = self._index(connection, outcome.stored, stamp)
            append_once(connection, self._recorder, links)
        self._known |= strangers.keys()
        self._expects_repeats = outcome.has_repeats
        return _Stored(batch, outcome, len(strangers))

    def _learn(self, batch: Sequence[Told | Refusal], organization_id: bytes) -> None:
        asked = {
            self._key_id(item.key, organization_id)
            for item in batch
            if not isinstance(item, Refusal | Coverage)
        }
        asked -= self._known
        if asked:
            with self._recorder.database.read() as connection:
                self._known |= credentials.known(connection, organization_id, asked)

    def _key_id(self, key: bytes | ExternalKey, organization_id: bytes) -> bytes:
        if isinstance(key, bytes):
            return key
        key_id = self._ids.get(key)
        if key_id is None:
            key_id = self._ids[key] = observed_key_id(organization_id, key)
        return key_id

    def _entry(self, item: Told, stamp: Stamp) -> Entry[Told] | Refusal:
        try:
            stream_id, event = self._event(item, stamp)
            return entry_of(item, stream_id, event)
        except InvalidInput as error:
            return Refusal(item.where, str(error))
        except UnicodeEncodeError:
            return Refusal(item.where, "a text in it is not Unicode and cannot be stored")

    def _event(self, item: Told, stamp: Stamp) -> tuple[bytes, Event]:
        event: Event
        match item:
            case Use():
                check_use(item, stamp.recorded_at)
                key_id = self._key_id(item.key, stamp.organization_id)
                if isinstance(item.key, bytes) and key_id not in self._known:
                    raise InvalidInput(
                        f"unknown key {ids.format_id(key_id)}; `keyledger key list` shows the keys"
                    )
                return use_stream_id(item, stamp.organization_id, self._random_bytes), used(
                    item, key_id, stamp
                )
            case Observation():
                check_not_future(item.occurred_at, stamp.recorded_at)
                event = observed(item, self._key_id(item.key, stamp.organization_id), stamp)
            case UsageSummary():
                check_not_future(item.covers_to, stamp.recorded_at)
                event = summarized(item, self._key_id(item.key, stamp.organization_id), stamp)
            case Coverage():
                check_not_future(item.covers_to, stamp.recorded_at)
                event = covered(item, stamp)
        return content_id(event), event

    def _strangers(
        self, connection: Connection, entries: Sequence[Entry[Told]], stamp: Stamp
    ) -> dict[bytes, Observation]:
        """The outside keys that nobody has spoken of yet; under the append lock the answer stands."""
        unknown: dict[bytes, Observation] = {}
        for item in (entry.item for entry in entries):
            if isinstance(item, Coverage) or isinstance(item.key, bytes):
                continue
            key_id = self._key_id(item.key, stamp.organization_id)
            if key_id not in self._known and key_id not in unknown:
                unknown[key_id] = Observation(item.key, item.occurred_at, item.reporter or item.key.source)
        known = credentials.known(connection, stamp.organization_id, unknown)
        return {key_id: seen for key_id, seen in unknown.items() if key_id not in known}

    def _meet(
        self,
        connection: Connection,
        strangers: dict[bytes, Observation],
        entries: Sequence[Entry[Told]],
        stamp: Stamp,
    ) -> None:
        """Observe the strangers that the batch itself says nothing more of."""
        told = {entry.event.key_id for entry in entries if isinstance(entry.event, KeyObserved)}
        silent = [observed(seen, key_id, stamp) for key_id, seen in strangers.items() if key_id not in told]
        self._recorder.append(connection, [entry_of(None, content_id(event), event).row for event in silent])
        credentials.index_observed(connection, silent)

    def _index(
        self, connection: Connection, stored: Sequence[Entry[Told]], stamp: Stamp
    ) -> list[Entry[Told]]:
        """Index what was said of outside keys; returns the links that follow from it."""
        told = [(entry, entry.event) for entry in stored if isinstance(entry.event, KeyObserved)]
        credentials.index_observed(connection, [event for _, event in told])
        linkages = [(entry, event, link) for entry, event in told if (link := _linkage(event)) is not None]
        kin = defaultdict(list)
        for key in credentials.kindred(connection, stamp.organization_id, {link for _, _, link in linkages}):
            kin[key.source, key.linkage].append(key)
        return [
            each
            for entry, event, link in linkages
            for each in _links(entry, event, kin[event.source, link], stamp)
        ]

    def _count(self, stored: _Stored) -> list[Refusal]:
        """Add a batch to the counts; returns all that was refused of it."""
        intake, outcome = self.intake, stored.outcome
        conflicts = [Refusal(entry.item.where, _CONFLICT) for entry in outcome.conflicts]
        refused = stored.batch.refusals + conflicts
        kept = sum(isinstance(entry.item, Use | UsageSummary) for entry in outcome.stored)
        duplicates = sum(isinstance(entry.item, Use | UsageSummary) for entry in outcome.duplicates)
        intake.read += kept + duplicates + len(refused)
        intake.stored += kept
        intake.duplicates += duplicates
        intake.refused += len(refused)
        intake.observations += len(outcome.stored) - kept
        intake.keys_registered += stored.keys_registered
        return refused


def _batches(items: Iterable[Item]) -> Iterator[list[Told | Refusal]]:
    batch: list[Told | Refusal] = []
    for item in items:
        if not isinstance(item, Flush):
            batch.append(item)
        if batch and (len(batch) == BATCH_SIZE or isinstance(item, Flush)):
            yield batch
            batch = []
    if batch:
        yield batch


def _linkage(event: KeyObserved) -> str | None:
    return linkage(event.personal.owner if event.personal else None, event.created_at)


def _links(
    entry: Entry[Told], event: KeyObserved, kin: Sequence[Credential], stamp: Stamp
) -> list[Entry[Told]]:
    """What says that a report's slot and an access key may be one: every pair that fits, in any order.

    Readers follow a link where it is the only one of both, which later imports may still change.
    """
    if event.created_at is None:
        return []
    # Automation makes users of one name at one moment in many accounts.
    account = next((key.account for key in kin if key.key_id == event.key_id), event.account)
    near = [key for key in kin if None in (account, key.account) or key.account == account]
    slots = [key.key_id for key in near if is_slot(key.external_id)]
    keys = [key.key_id for key in near if not is_slot(key.external_id)]
    pairs = [(key, slot) for key in keys for slot in slots if event.key_id in (key, slot)]
    said = [linked(key, slot, event.created_at, MATCHING, stamp) for key, slot in pairs]
    return [entry_of(entry.item, content_id(link), link) for link in said]
