"""What an audit rule is made of: a pure check of one key, and the texts that explain its verdict."""

from collections.abc import Callable, Iterable

import msgspec

from ledger.events import KeyKind, KeyState
from ledger.moments import MICROSECOND, SECOND_US, format_duration
from projections.audit.controls import Control
from projections.audit.judging import Need, Scope
from projections.audit.policy import Policy
from projections.audit.remedy import Action
from projections.audit.severity import Severity
from projections.audit.usage_state import UsageState, usage_state
from projections.key_record import CallerUse, Denial, KeyRecord


class Context(msgspec.Struct, frozen=True):
    """What a check may know besides the key itself: the run's clock and policy, and what follows for the key.

    A key is live when it opens doors until somebody ends it: active, and no temporary credential.
    """

    as_of: int
    policy: Policy
    usage: UsageState
    is_live: bool


class Verdict(msgspec.Struct, frozen=True):
    """What is wrong with a key, and the positions of the events that show it."""

    message: str
    evidence: tuple[int, ...]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A question that is asked of every key; its id is stable for ever.

    `meaning`, `reason` (why it matters, and so much) and `method` (how it is computed) explain a finding,
    `resolution` says what to do about it and `action` is the command that begins it. That it found nothing
    wrong with a key means something only within its `scope` and where its `need` is known. A policy may
    switch it on or off, whatever `default_on` says.
    """

    id: str
    severity: Severity
    title: str
    meaning: str
    reason: str
    method: str
    resolution: str
    action: Action
    controls: tuple[Control, ...]
    check: Callable[[KeyRecord, Context], Verdict | None]
    scope: Scope = Scope.ANY
    need: Need = Need.NOTHING
    default_on: bool = True


def context_of(record: KeyRecord, as_of: int, policy: Policy) -> Context:
    """The context in which the rules judge a key."""
    is_live = record.kind is KeyKind.LONG_LIVED and record.status(as_of) == KeyState.ACTIVE
    return Context(as_of, policy, usage_state(record, as_of, policy), is_live)


def verdict(message: str, *positions: int | None) -> Verdict:
    """A verdict with its evidence in order, each position once; those that are not known are left out."""
    return Verdict(message, tuple(sorted({position for position in positions if position is not None})))


def span(microseconds: int) -> str:
    """How long something was, as the end of a sentence."""
    return "less than 1s" if microseconds < SECOND_US else format_duration(microseconds * MICROSECOND)


def callers_of(uses: Iterable[CallerUse | Denial]) -> str:
    """Who presented the key to what, as the end of a sentence."""
    return listed(f"{use.caller or 'an unknown caller'} ({use.service})" for use in uses)


def listed(names: Iterable[str]) -> str:
    """The names, sorted, as the end of a sentence; the first five where there are more."""
    unique = sorted(set(names))
    shown = ", ".join(unique[:_LISTED])
    return shown if len(unique) <= _LISTED else f"{shown} and {len(unique) - _LISTED} more"


_LISTED = 5
