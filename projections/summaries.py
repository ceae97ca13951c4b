"""What summaries tell of a key's use, and what follows from them together with its counted uses."""

from collections.abc import Sequence

from projections.coverage import SummaryRow
from projections.key_record import CallerUse


def known_since(
    observed_at: int, first_used_at: int | None, last_used_at: int | None, summaries: Sequence[SummaryRow]
) -> int:
    """The earliest moment at which the key is known to have existed, whoever told it."""
    moments = [observed_at, *(told.occurred_at for told in summaries)]
    moments += [at for at in (first_used_at, last_used_at) if at is not None]
    return min(moments)


def usage_of(
    uses: Sequence[CallerUse], summaries: Sequence[SummaryRow]
) -> tuple[int | None, int | None, int | None]:
    """First use, last use and count; None where a summary alone says that there was use and not how much."""
    first_at = min([use.first_at for use in uses], default=None)
    last_at = max([use.last_at for use in uses], default=None)
    counted = sum([use.count for use in uses])
    if not summaries:
        return first_at, last_at, counted
    firsts = [at for at in (first_at, *(told.first_used_at for told in summaries)) if at is not None]
    lasts = [at for at in (last_at, *(told.last_used_at for told in summaries)) if at is not None]
    counts = [told.use_count for told in summaries if told.use_count is not None]
    unknown = bool(lasts) and not counted and not counts
    return min(firsts, default=None), max(lasts, default=None), None if unknown else max([counted, *counts])


def telling_last(summaries: Sequence[SummaryRow]) -> int | None:
    """The position of the one that tells the last use, or silence until the latest moment."""
    if not summaries:
        return None
    best = max(summaries, key=lambda told: (told.last_used_at or -1, told.covers_to, -told.position))
    return best.position


def earliest_told(summaries: Sequence[SummaryRow]) -> tuple[int | None, int | None]:
    """The earliest use that any of them tells, and the position of the one that does."""
    told = [
        (at, each.position)
        for each in summaries
        for at in (each.first_used_at, each.last_used_at)
        if at is not None
    ]
    return min(told, default=(None, None))
