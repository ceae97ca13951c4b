"""Moments, counts and people in the words of cards and lists."""

from ledger.events import Authentication
from ledger.ids import format_id
from ledger.moments import SECOND_US, format_moment

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


def date(at: int | None) -> str:
    """The day of a moment, or `never`."""
    return "never" if at is None else format_moment(at)[:_DATE]


def ago(at: int, now: int) -> str:
    """How long before now a moment was, or how long after now it will be."""
    seconds = abs(now - at) // SECOND_US
    if seconds < _MINUTE:
        return "just now"
    unit, name = next((unit, name) for unit, name in _UNITS if seconds >= unit)
    span = counted(seconds // unit, name)
    return f"{span} ago" if at <= now else f"in {span}"


_UNITS = ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"))


def since(at: int | None, now: int) -> str:
    """How long ago something was, or `never`."""
    return "never" if at is None else ago(at, now)


def dated(at: int, now: int) -> str:
    """A moment and how far it is from now."""
    return f"{moment(at)} ({ago(at, now)})"


def counted(count: int, noun: str) -> str:
    """`1 use`, `1,203 uses`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def by(name: str, authentication: Authentication) -> str:
    """Who did it; a claim is never shown as proof."""
    return f"{name} (claimed)" if authentication is Authentication.CLAIMED else name
