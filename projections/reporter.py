"""Reporters as the read side knows them: the times of which they told all that they saw, merged."""

from collections.abc import Iterable

import msgspec


class Stretch(msgspec.Struct, frozen=True, order=True):
    """A time without a gap that a reporter declared, and the event that declared its end."""

    covers_from: int
    covers_to: int
    position: int


class Reporter(msgspec.Struct, frozen=True):
    """What one reporter declared of a source's keys (None: of any), in order; `retired_at` ends its duty."""

    name: str
    source: str | None
    account: str | None
    stretches: tuple[Stretch, ...]
    retired_at: tuple[int, ...] = ()

    @property
    def covered_to(self) -> int:
        """Up to when it told anything."""
        return self.stretches[-1].covers_to

    def is_overdue(self, as_of: int, tolerance: int) -> bool:
        """Whether it is silent for longer than is tolerated, and was not retired."""
        return as_of - self.covered_to > tolerance and not self.is_retired_within(self.covered_to, as_of)

    def is_retired_within(self, start: int, end: int) -> bool:
        """Whether it was said between two moments that no more is expected of it."""
        return any(start <= at <= end for at in self.retired_at)


def merge_stretches(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The same time as the fewest stretches, in order; those that touch become one.

    Of two that end at one moment the earlier event is kept, so that no order of merging makes a difference.
    """
    merged: list[Stretch] = []
    for each in sorted(stretches):
        if not merged or each.covers_from > merged[-1].covers_to:
            merged.append(each)
            continue
        last = merged[-1]
        end = max((last, each), key=lambda stretch: (stretch.covers_to, -stretch.position))
        merged[-1] = Stretch(last.covers_from, end.covers_to, end.position)
    return tuple(merged)
