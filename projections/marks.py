"""What was said of keys beside their lives: waivers, leaks, confirmations and warnings, by key."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from ledger.audit_events import FindingWaived, KeyConfirmed, KeyLeakReported, KeyWarned, WaiverWithdrawn
from ledger.events import Event

MarkEvent = FindingWaived | WaiverWithdrawn | KeyLeakReported | KeyConfirmed | KeyWarned


class Waiver(msgspec.Struct, frozen=True):
    """A finding of one rule that was accepted until a moment, and who answers for that."""

    rule: str
    reason: str
    owner: str | None
    waived_at: int
    expires_at: int
    position: int


class Leak(msgspec.Struct, frozen=True):
    """A place in which the secret of the key was found."""

    place: str
    reported_at: int
    position: int


class Warned(msgspec.Struct, frozen=True):
    """An announcement, by a remediation plan, that the key is about to end."""

    plan_id: bytes
    rule: str
    warned_at: int
    position: int


class Marks(msgspec.Struct, frozen=True):
    """What was said of one key: of each rule the standing waiver, expired or not, and all of the rest."""

    waivers: tuple[Waiver, ...] = ()
    leaks: tuple[Leak, ...] = ()
    warnings: tuple[Warned, ...] = ()
    confirmed_at: int | None = None
    confirmed_position: int | None = None

    def waiver(self, rule: str) -> Waiver | None:
        """The standing waiver of a rule's finding, expired or not."""
        return next((waiver for waiver in self.waivers if waiver.rule == rule), None)


NO_MARKS = Marks()


def fold_marks(
    told: Iterable[tuple[int, Event]], links: Mapping[bytes, bytes], members: Mapping[bytes, str]
) -> dict[bytes, Marks]:
    """The marks that events make, in the order in which they come with their positions.

    Those of an alias are its key's. `members` tells the addresses of those who are named by their ids.
    """
    marks: dict[bytes, Marks] = {}
    for position, event in told:
        if isinstance(event, MarkEvent):
            key_id = links.get(event.key_id, event.key_id)
            marks[key_id] = _mark(marks.get(key_id, NO_MARKS), position, event, members)
    return marks


def _mark(marks: Marks, position: int, event: MarkEvent, members: Mapping[bytes, str]) -> Marks:
    match event:
        case FindingWaived():
            waiver = _waiver(position, event, members)
            return replace(marks, waivers=(*_without(marks.waivers, event.rule), waiver))
        case WaiverWithdrawn():
            return replace(marks, waivers=_without(marks.waivers, event.rule))
        case KeyLeakReported():
            return replace(marks, leaks=(*marks.leaks, Leak(event.place, event.occurred_at, position)))
        case KeyConfirmed():
            return replace(marks, confirmed_at=event.occurred_at, confirmed_position=position)
        case KeyWarned():
            warned = Warned(event.plan_id, event.rule, event.occurred_at, position)
            return replace(marks, warnings=(*marks.warnings, warned))


def _waiver(position: int, event: FindingWaived, members: Mapping[bytes, str]) -> Waiver:
    named = event.personal.owner if event.personal else None
    owner = members.get(event.owner_id) if event.owner_id else named
    return Waiver(event.rule, event.reason, owner, event.occurred_at, event.expires_at, position)


def _without(waivers: tuple[Waiver, ...], rule: str) -> tuple[Waiver, ...]:
    return tuple(waiver for waiver in waivers if waiver.rule != rule)
