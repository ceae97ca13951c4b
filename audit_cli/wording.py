"""Moments, counts and people in the words of cards and lists."""

from ledger.events import Authentication
from ledger.ids import format_id
from ledger.moments import SECOND_US, format_moment
from projections.audit.policy import Policy
from projections.audit.usage_state import UsageState, usage_state
from projections.key_record import KeyRecord

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_DATE = len("2024-05-31")


def short_id(raw: bytes) -> str:
    """The beginning of an id, which is enough to name a key."""
    return format_id(raw)[:8]


def moment(at: int) -> str:
    """A moment to the second, for people."""
    return format_moment(at - at % SECOND_US)


def last_used(record: KeyRecord, now: int) -> str:
    """The day of the last use; a silence that nobody listened to is no data, not `never`."""
    if record.last_used_at is not None:
        return format_moment(record.last_used_at)[:_DATE]
    return "no data" if usage_state(record, now, Policy()) is UsageState.NO_DATA else "never"


def ago(at: int, now: int) -> str:
    """How long before now a moment was, or how long after now it will be."""
    apart = abs(now - at)
    if apart < _MINUTE * SECOND_US:
        return "just now"
    return f"{span(apart)} ago" if at <= now else f"in {span(apart)}"


def span(microseconds: int) -> str:
    """How long something lasted, in the largest unit that it fills: `3 hours`."""
    seconds = microseconds // SECOND_US
    unit, name = next(((unit, name) for unit, name in _UNITS if seconds >= unit), (1, "second"))
    return counted(seconds // unit, name)


_UNITS = ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"))


def dated(at: int, now: int) -> str:
    """A moment and how far it is from now."""
    return f"{moment(at)} ({ago(at, now)})"


def counted(count: int, noun: str) -> str:
    """`1 use`, `1,203 uses`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def by(name: str, authentication: Authentication) -> str:
    """Who did it; a claim is never shown as proof."""
    return f"{name} (claimed)" if authentication is Authentication.CLAIMED else name
