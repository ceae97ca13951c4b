"""Keys that were minted elsewhere: how sources name them, what they say of them, and the events it becomes.

An observation is never refused for contradicting another. Each is its own stream, identified by its content,
so a repeat changes nothing, and readers fold them by (occurred at, id), so the order of arrival is no matter.
"""

import msgspec

from ledger import ids
from ledger.actor import Stamp
from ledger.errors import InvalidInput
from ledger.events import (
    Authentication,
    CoverageReported,
    Event,
    KeyKind,
    KeyLinked,
    KeyObserved,
    KeyState,
    KeyUsageSummarized,
    ObservedDetails,
)

_SLOT_PREFIX = "arn:"

# They tell of keys as these act or are acted on, and never that there is no other.
LOG_REPORTERS = frozenset({"cloudtrail"})


class ExternalKey(msgspec.Struct, frozen=True):
    """A key as its source names it.

    `generation` tells apart keys that follow each other under one external id (a credential report's slots).
    """

    source: str
    external_id: str
    kind: KeyKind = KeyKind.LONG_LIVED
    account: str | None = None
    generation: str = ""


class Observation(msgspec.Struct, frozen=True):
    """What a source said of a key at a moment; what it did not say is None."""

    key: ExternalKey
    occurred_at: int
    reporter: str
    state: KeyState | None = None
    created_at: int | None = None
    name: str | None = None
    owner: str | None = None
    created_by: str | None = None
    where: str | int = ""


class UsageSummary(msgspec.Struct, frozen=True):
    """What a report of `occurred_at` says of a key's use from `covers_from` to `covers_to`."""

    key: ExternalKey
    occurred_at: int
    reporter: str
    covers_from: int
    covers_to: int
    first_used_at: int | None = None
    last_used_at: int | None = None
    count: int | None = None
    service: str | None = None
    where: str | int = ""


class Coverage(msgspec.Struct, frozen=True):
    """A reporter's word that it told every use of a source's keys (or of one account's) in the period."""

    reporter: str
    covers_from: int
    covers_to: int
    source: str | None = None
    account: str | None = None
    where: str | int = ""


def check_texts(*structs: msgspec.Struct) -> None:
    """Raise InvalidInput for a text that not every database holds."""
    for text in (text for struct in structs for text in msgspec.structs.astuple(struct)):
        if isinstance(text, str) and "\0" in text:
            raise InvalidInput(f"{text[:20]!r} holds a NUL character")


def observed_key_id(organization_id: bytes, key: ExternalKey) -> bytes:
    """The id under which an organization keeps an outside key: the same on every machine and in any order."""
    return ids.hashed_id("key", organization_id, key.source, key.external_id, key.generation)


def linkage(owner: str | None, created_at: int | None) -> str | None:
    """What two names of one key have in common: its owner and the moment of its creation."""
    if owner is None or created_at is None:
        return None
    return f"{owner}@{created_at}"


def is_slot(external_id: str | None) -> bool:
    """Whether an external id is a slot of a credential report (`ARN/1`), not the key's own id."""
    return external_id is not None and external_id.startswith(_SLOT_PREFIX)


def is_inventoried(event: KeyObserved) -> bool:
    """Whether the key was listed by an inventory, and not merely met in a log or as the key of a use."""
    said_more = event.state is not None or event.created_at is not None
    return said_more and event.reporter not in LOG_REPORTERS


def observed(observation: Observation, key_id: bytes, stamp: Stamp) -> KeyObserved:
    """The event of an observation."""
    key = observation.key
    details = None
    if observation.owner is not None or observation.created_by is not None:
        details = ObservedDetails(observation.owner, observation.created_by)
    return KeyObserved(
        *stamp.header(observation.occurred_at),
        key_id=key_id,
        source=key.source,
        external_id=key.external_id,
        kind=key.kind,
        reporter=observation.reporter,
        account=key.account,
        state=observation.state,
        created_at=observation.created_at,
        name=observation.name,
        personal=details,
    )


def summarized(summary: UsageSummary, key_id: bytes, stamp: Stamp) -> KeyUsageSummarized:
    """The event of a summary."""
    return KeyUsageSummarized(
        *stamp.header(summary.occurred_at),
        key_id=key_id,
        reporter=summary.reporter,
        covers_from=summary.covers_from,
        covers_to=summary.covers_to,
        first_used_at=summary.first_used_at,
        last_used_at=summary.last_used_at,
        count=summary.count,
        service=summary.service,
    )


def covered(coverage: Coverage, stamp: Stamp) -> CoverageReported:
    """The event of a declared coverage; it occurs when the period ends."""
    return CoverageReported(
        *stamp.header(coverage.covers_to),
        reporter=coverage.reporter,
        covers_from=coverage.covers_from,
        covers_to=coverage.covers_to,
        source=coverage.source,
        account=coverage.account,
    )


def linked(key_id: bytes, alias_id: bytes, occurred_at: int, reporter: str, stamp: Stamp) -> KeyLinked:
    """The event that says that two names are one key."""
    return KeyLinked(
        *stamp.header(occurred_at),
        key_id=key_id,
        alias_id=alias_id,
        reporter=reporter,
    )


def content_id(event: Event) -> bytes:
    """The stream id of an observation: all that it says, without who recorded it and when.

    Fields at the end that say nothing are left out, so a field that is added later changes no standing id.
    """
    said = msgspec.structs.replace(event, recorded_at=0, actor_id=None, authentication=Authentication.CLAIMED)
    return ids.timed_id(event.occurred_at, ids.digest(event.topic, _without_defaults(said)))


def _without_defaults(value: object) -> object:
    if not isinstance(value, msgspec.Struct):
        return value
    said = [_without_defaults(field) for field in msgspec.structs.astuple(value)]
    for default in reversed(value.__struct_defaults__):
        if said[-1] != default:
            break
        said.pop()
    return said
