"""What an event of a key's life says, in a line for people."""

from audit_cli.wording import by, moment, short_id
from ledger.audit_events import FindingWaived, KeyConfirmed, KeyLeakReported, KeyWarned, WaiverWithdrawn
from ledger.events import (
    Authentication,
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
)
from projections.people import People


def describe(event: Event, people: People) -> str:
    """What an event says, in a line."""
    who = _actor(event, people)
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
        case _:
            return _observation(event, who) or _mark(event, people, who) or event.topic


def _actor(event: Event, people: People) -> str:
    """Who did it, with the mark of a claim."""
    if event.authentication is Authentication.KEY and event.actor_id is not None:
        name = people.key(event.actor_id)
        key = (
            f"the key {name} ({short_id(event.actor_id)})" if name else f"the key {short_id(event.actor_id)}"
        )
        claimed = people.claimed(event)
        return f"{key} for {claimed} (claimed)" if claimed else key
    known = people.name(event.actor_id)
    return by(known or (short_id(event.actor_id) if event.actor_id else "nobody"), event.authentication)


def _observation(event: Event, who: str) -> str | None:
    """What sources said of a key that was minted elsewhere."""
    match event:
        case KeyObserved():
            return _observed(event, who)
        case KeyUsageSummarized():
            return _summarized(event, who)
        case KeyLinked():
            return f"{event.reporter}: {short_id(event.alias_id)} is the same key"
        case _:
            return None


def _mark(event: Event, people: People, who: str) -> str | None:
    """What was said of a key beside its life."""
    match event:
        case FindingWaived():
            owner = people.name(event.owner_id) or (event.personal.owner if event.personal else None)
            answers = f", {owner} answers for it" if owner else ""
            until = moment(event.expires_at)
            return f"{event.rule} waived until {until} by {who}{answers}{_reason(event.reason)}"
        case WaiverWithdrawn():
            return f"waiver of {event.rule} withdrawn by {who}{_reason(event.reason)}"
        case KeyLeakReported():
            return f"its secret was found in {event.place} (reported by {who})"
        case KeyConfirmed():
            return f"confirmed as needed by {who}{_reason(event.reason)}"
        case KeyWarned():
            return f"its end was announced for {event.rule} by {who}, plan {short_id(event.plan_id)}"
        case _:
            return None


def _created(event: KeyCreated, people: People) -> str:
    facts = [f"created by {_actor(event, people)}"]
    owner = people.name(event.owner_id) or (event.personal.owner if event.personal else None)
    if owner:
        facts.append(f"owner {owner}")
    if event.expires_at is not None:
        facts.append(f"expires {_expiry(event.expires_at)}")
    if event.scopes:
        facts.append(f"scopes {', '.join(event.scopes)}")
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
