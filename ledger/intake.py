"""Intake: streams of uses and observations into durable batches; repeats are recognized, refusals told."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypeAlias

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
Item: TypeAlias = Told | Refusal
OnRefused: TypeAlias = Callable[[Refusal], object]
OnBatch: TypeAlias = Callable[[Intake], object]


class Recording:
    """One stream of items from one actor; each batch is one transaction, acknowledged when it is on disk."""

    def __init__(
        self,
        recorder: EventRecorder,
        stamp: Callable[[], Stamp],
        random_bytes: ids.RandomBytes,
        on_refused: OnRefused,
        on_batch: OnBatch,
    ) -> None:
        self.intake = Intake()
        self._recorder = recorder
        self._stamp = stamp
        self._random_bytes = random_bytes
        self._on_refused = on_refused
        self._on_batch = on_batch
        # Keys never leave the index, so what was known once is known.
        self._known: set[bytes] = set()
        self._ids: dict[ExternalKey, bytes] = {}

    def run(self, items: Iterable[Item]) -> Intake:
        """Take everything in, a batch at a time, in bounded memory."""
        iterator = iter(items)
        while batch := list(islice(iterator, BATCH_SIZE)):
            self._take(batch, self._stamp())
            self._on_batch(self.intake)
        return self.intake

    def _take(self, batch: Sequence[Item], stamp: Stamp) -> None:
        self._learn(batch, stamp.organization_id)
        entries = [entry for item in batch if (entry := self._entry(item, stamp)) is not None]
        if not entries:
            return
        with self._recorder.database.write() as connection:
            strangers = self._strangers(connection, entries, stamp)
            self._meet(connection, strangers, entries, stamp)
            outcome = append_once(connection, self._recorder, entries)
            links = self._index(connection, outcome.stored, stamp)
            append_once(connection, self._recorder, links)
        self._known |= strangers.keys()
        self.intake.keys_registered += len(strangers)
        self._count(outcome)

    def _learn(self, batch: Sequence[Item], organization_id: bytes) -> None:
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

    def _entry(self, item: Item, stamp: Stamp) -> Entry[Told] | None:
        if isinstance(item, Refusal):
            self._refuse(item)
            return None
        try:
            stream_id, event = self._event(item, stamp)
            return entry_of(item, stream_id, event)
        except InvalidInput as error:
            self._refuse(Refusal(item.where, str(error)))
        except UnicodeEncodeError:
            self._refuse(Refusal(item.where, "a text in it is not Unicode and cannot be stored"))
        return None

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

    def _refuse(self, refusal: Refusal) -> None:
        self.intake.read += 1
        self.intake.refused += 1
        self._on_refused(refusal)

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

    def _count(self, outcome: Outcome[Told]) -> None:
        intake = self.intake
        stored = sum(isinstance(entry.item, Use | UsageSummary) for entry in outcome.stored)
        duplicates = sum(isinstance(entry.item, Use | UsageSummary) for entry in outcome.duplicates)
        intake.read += stored + duplicates
        intake.stored += stored
        intake.duplicates += duplicates
        intake.observations += len(outcome.stored) - stored
        for entry in outcome.conflicts:
            self._refuse(Refusal(entry.item.where, _CONFLICT))


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
