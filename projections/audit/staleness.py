"""Which keys have been idle for longest, and whose days a report shows."""

from collections.abc import Iterable
from datetime import timedelta

from projections.audit.report import Judged

SHOWN_KEYS = 5_000
SHOWN_DAYS = 182

_US_A_DAY = 86_400_000_000


def stalest_first(judged: Iterable[Judged]) -> list[Judged]:
    """The active keys by the time since their last use, the longest first; those where it is unknown last."""
    return sorted((each for each in judged if each.is_active), key=_staleness)


def shown_days(as_of: int) -> tuple[int, int]:
    """The first and the last day of a report's heat map, counted from 1970 in UTC."""
    last = as_of // _US_A_DAY
    return last - SHOWN_DAYS + 1, last


def _staleness(judged: Judged) -> tuple[bool, timedelta, str, bytes]:
    idle = judged.record.idle(judged.as_of)
    return idle is None, -(idle or timedelta()), judged.record.name, judged.record.id
