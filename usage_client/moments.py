"""Moments: microseconds since 1970 inside, RFC 3339 in UTC on the wire."""

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)
_MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def format_moment(moment: int) -> str:
    """`2024-05-31T12:00:00.25Z`, as precise as it is known."""
    # Without its zone, which the text of it would repeat in another form.
    return f"{(_NAIVE_EPOCH + timedelta(microseconds=moment)).isoformat()}Z"


def parse_moment(text: str) -> int:
    """A moment as `format_moment` writes it; ValueError for anything that is no time in a known zone."""
    return moment_of(datetime.fromisoformat(text))


def moment_of(time: datetime) -> int:
    """Microseconds since 1970; ValueError without a time zone, as nobody can tell what it means."""
    if time.tzinfo is None:
        raise ValueError(f"{time.isoformat()} has no time zone; give one, such as datetime.now(UTC)")
    return (time - _EPOCH) // _MICROSECOND
