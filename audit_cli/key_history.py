"""What happened to a key, told in order: its events, and in between who began to use it and until when."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from audit_cli import console
from audit_cli.reports.terminal import printable, wrapped
from audit_cli.wording import by, counted, moment, short_id
from ledger.events import (
    Event,
    KeyCreated,
    KeyDisabled,
    KeyEnabled,
    KeyExpiryChanged,
    KeyLinked,
    KeyObserved,
    KeyOwnerChanged,
    KeyRenamed,
    KeyRevoked,
    KeyRotated,
    KeyScopesChanged,
    KeyUsageSummarized,
    KeyUseDenied,
)
from ledger.ids import format_id
from ledger.recorded import Recorded, readable
from projections.key_record import CallerUse, KeyRecord
from projections.members import MemberRow

_MARGIN = len("2024-05-31T12:00:00Z") + 2


class People:
    """The members by id, the departed too, and what to call them."""

    def __init__(self, members: Iterable[MemberRow]) -> None:
        self._names = {member.member_id: member.email for member in members}

    def name(self, member_id: bytes | None) -> str | None:
        """A member's address; None for who is no member."""
        return self._names.get(member_id) if member_id else None

    def actor(self, event: Event) -> str:
        """Who did it, with the mark of a claim."""
        known = self.name(event.actor_id)
        return by(known or (short_id(event.actor_id) if event.actor_id else "nobody"), event.authentication)


class Entry(msgspec.Struct, frozen=True):
    """One thing that happened."""

    at: int
    text: str


def told(record: KeyRecord, story: Sequence[Recorded], people: People) -> str:
    """The history as text, oldest first."""
    entries = [*_events(story, people), *map(_use, record.uses)]
    # Of one moment the events come first: a key is created before it is used.
    entries.sort(key=lambda entry: entry.at)
    width = console.width()
    lines = [
        wrapped(entry.text, width, indent=moment(entry.at).ljust(_MARGIN), hanging=" " * _MARGIN)
        for entry in entries
    ]
    heading = f"{printable(record.name)}  {format_id(record.id)}"
    return "\n".join([heading, "", *lines]) + "\n"


def events_of(story: Sequence[Recorded], people: People) -> list[dict[str, Any]]:
    """The events for machines: as `show-event` prints them, with the actor's address."""
    return [{**readable(recorded), "actor": people.name(recorded.event.actor_id)} for recorded in story]


def _events(story: Sequence[Recorded], people: People) -> Iterator[Entry]:
    """An entry for each event, and one for each run of denials of one kind."""
    for group, run in groupby(story, key=_group):
        events = [recorded.event for recorded in run]
        if group is None:
            yield from (Entry(event.occurred_at, describe(event, people)) for event in events)
        else:
            yield _denials([event for event in events if isinstance(event, KeyUseDenied)])


def _group(recorded: Recorded) -> tuple[str, str, str | None] | None:
    event = recorded.event
    return (event.reason, event.service, event.caller) if isinstance(event, KeyUseDenied) else None


def _denials(events: Sequence[KeyUseDenied]) -> Entry:
    first = events[0]
    count = sum(event.count for event in events)
    last_at = max(event.last_at or event.occurred_at for event in events)
    until = "" if last_at == first.occurred_at else f", until {moment(last_at)}"
    times = "" if count == 1 else f" {counted(count, 'time')}"
    return Entry(
        first.occurred_at,
        f"refused{times}, being {first.reason}: {_caller(first.service, first.caller)}{until}",
    )


def _use(use: CallerUse) -> Entry:
    errors = f", {counted(use.error_count, 'error')}" if use.error_count else ""
    until = "" if use.count == 1 else f": {counted(use.count, 'use')}{errors} until {moment(use.last_at)}"
    return Entry(use.first_at, f"used by {_caller(use.service, use.caller)}{until}")


def _caller(service: str, caller: str | None) -> str:
    return f"{caller or 'an unknown caller'} ({service})"


def describe(event: Event, people: People) -> str:
    """What an event says, in a line."""
    who = people.actor(event)
    match event:
        case KeyCreated():
            return _created(event, people)
        case KeyRenamed():
            return f"renamed {event.name!r} by {who}"
        case KeyOwnerChanged():
            owner = people.name(event.owner_id) or (event.personal.owner if event.personal else "nobody")
            return f"owner set to {owner} by {who}"
        case KeyExpiryChanged():
            return f"expiry set to {_expiry(event.expires_at)} by {who}"
        case KeyScopesChanged():
            return f"scopes set to {', '.join(event.scopes) or 'none'} by {who}"
        case KeyDisabled():
            return f"disabled by {who}{_reason(event.reason)}"
        case KeyEnabled():
            return f"enabled by {who}"
        case KeyRotated():
            successor, ends_at = short_id(event.successor_id), moment(event.overlap_ends_at)
            return f"rotated by {who}: the successor is {successor}, this one works until {ends_at}"
        case KeyRevoked():
            return f"revoked by {who}{_reason(event.reason)}"
        case KeyObserved():
            return _observed(event, who)
        case KeyUsageSummarized():
            return _summarized(event, who)
        case KeyLinked():
            return f"{event.reporter}: {short_id(event.alias_id)} is the same key"
        case _:
            return event.topic


def _created(event: KeyCreated, people: People) -> str:
    facts = [f"created by {people.actor(event)}"]
    owner = people.name(event.owner_id) or (event.personal.owner if event.personal else None)
    if owner:
        facts.append(f"owner {owner}")
    if event.expires_at is not None:
        facts.append(f"expires {_expiry(event.expires_at)}")
    if event.scopes:
        facts.append(f"scopes {' '.join(event.scopes)}")
    if event.predecessor_id is not None:
        facts.append(f"successor of {short_id(event.predecessor_id)}")
    return ", ".join(facts)


def _observed(event: KeyObserved, who: str) -> str:
    facts = [f"state {event.state}"] if event.state else []
    if event.created_at is not None:
        facts.append(f"created {moment(event.created_at)}")
    if event.personal and event.personal.owner:
        facts.append(f"owner {event.personal.owner}")
    said = ", ".join(facts) or "seen"
    return f"{event.reporter}: {said} (imported by {who})"


def _summarized(event: KeyUsageSummarized, who: str) -> str:
    if event.last_used_at is None:
        said = f"no use from {moment(event.covers_from)} on"
    else:
        service = f" ({event.service})" if event.service else ""
        said = f"last used {moment(event.last_used_at)}{service}"
    return f"{event.reporter}: {said} (imported by {who})"


def _expiry(at: int | None) -> str:
    return "never" if at is None else moment(at)


def _reason(reason: str | None) -> str:
    return "" if reason is None else f": {reason}"
