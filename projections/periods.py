"""Periods of time, in microseconds since 1970: merged, so that a gap shows."""

from collections.abc import Iterable

Period = tuple[int, int]


def bridged(periods: Iterable[Period], pause: int) -> tuple[Period, ...]:
    """Merged periods with those made one whose gaps are no longer than a pause."""
    joined: list[Period] = []
    for start, end in periods:
        if joined and start - joined[-1][1] <= pause:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def merge_periods(periods: Iterable[Period]) -> tuple[Period, ...]:
    """The same time as the fewest periods, in order; periods that touch become one."""
    merged: list[Period] = []
    for start, end in sorted(periods):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
