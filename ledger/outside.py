"""Keys minted elsewhere, as a batch of intake speaks of them: met, indexed, linked to other names."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeAlias

from sqlalchemy import Connection

from ledger import credentials
from ledger.actor import Stamp
from ledger.credentials import Credential
from ledger.event_store import EventRecorder
from ledger.events import KeyObserved
from ledger.observation import (
    Coverage,
    ExternalKey,
    Observation,
    UsageSummary,
    content_id,
    is_slot,
    linkage,
    linked,
    observed,
    observed_key_id,
)
from ledger.repeats import Entry, entry_of
from ledger.usage import Use

MATCHING = "keyledger"

Told: TypeAlias = Use | Observation | UsageSummary | Coverage
Strangers: TypeAlias = dict[bytes, Observation]


def unheard_of(told: Iterable[Told], organization_id: bytes, known: Collection[bytes]) -> Strangers:
    """The outside keys that are not among the known, with the first that was told of each."""
    unknown: Strangers = {}
    seen: set[ExternalKey] = set()
    for item in told:
        if isinstance(item, Coverage) or isinstance(item.key, bytes) or item.key in seen:
            continue
        seen.add(item.key)
        key_id = observed_key_id(organization_id, item.key)
        if key_id not in known:
            unknown[key_id] = Observation(item.key, item.occurred_at, item.reporter or item.key.source)
    return unknown


def meet(
    connection: Connection,
    recorder: EventRecorder,
    unknown: Strangers,
    entries: Sequence[Entry[Told]],
    stamp: Stamp,
) -> Strangers:
    """Observe the keys that nobody has spoken of yet and the batch says nothing more of; returns all such.

    Under the append lock, where the answer stands.
    """
    known = credentials.known(connection, stamp.organization_id, unknown)
    strangers = {key_id: seen for key_id, seen in unknown.items() if key_id not in known}
    told = {event.key_id for _, event in _observations(entries)}
    silent = [observed(seen, key_id, stamp) for key_id, seen in strangers.items() if key_id not in told]
    recorder.append(connection, [entry_of(None, content_id(event), event).row for event in silent])
    credentials.index_observed(connection, silent)
    return strangers


def _observations(entries: Iterable[Entry[Told]]) -> Iterator[tuple[Entry[Told], KeyObserved]]:
    for entry in entries:
        if entry.topic == KeyObserved.topic and isinstance(event := entry.event, KeyObserved):
            yield entry, event


def index(connection: Connection, stored: Sequence[Entry[Told]], stamp: Stamp) -> list[Entry[Told]]:
    """Index what was said of outside keys; returns the links that follow from it."""
    told = list(_observations(stored))
    if not told:
        return []
    credentials.index_observed(connection, [event for _, event in told])
    linkages = [(entry, event, link) for entry, event in told if (link := _linkage(event)) is not None]
    kin = defaultdict(list)
    for link, key in credentials.kindred(connection, stamp.organization_id, {link for *_, link in linkages}):
        kin[key.source, link].append(key)
    return [
        each
        for entry, event, link in linkages
        for each in _links(entry, event, kin[event.source, link], stamp)
    ]


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
