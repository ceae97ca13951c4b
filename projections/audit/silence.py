"""Reporters that were silent: of what they saw meanwhile nobody knows, so a key may have been used."""

from functools import lru_cache

import msgspec

from ledger.moments import MICROSECOND, format_duration, format_moment
from projections.audit.policy import Policy
from projections.key_record import KeyRecord
from projections.reporter import Reporter


class Silence(msgspec.Struct, frozen=True):
    """A time of which a reporter told nothing although it was expected to; `until` is None where it lasts."""

    reporter: str
    since: int
    until: int | None
    evidence: tuple[int, ...]


def silence_since(record: KeyRecord, start: int, as_of: int, policy: Policy) -> Silence | None:
    """The latest silence longer than the policy tolerates in the time from `start` on; None where all spoke.

    Of a silence that had begun before only the part since `start` counts.
    """
    silence = _latest(record.reporters, policy.coverage_tolerance // MICROSECOND, as_of)
    if silence is None:
        return None
    end = as_of if silence.until is None else silence.until
    return silence if end - start > policy.coverage_tolerance // MICROSECOND else None


def told(silence: Silence, policy: Policy) -> str:
    """A silence as the end of a sentence."""
    limit = f"(coverage_tolerance {format_duration(policy.coverage_tolerance)})"
    if silence.until is None:
        return f"the reporter {silence.reporter} has been silent since {format_moment(silence.since)} {limit}"
    return (
        f"the reporter {silence.reporter} was silent from {format_moment(silence.since)}"
        f" to {format_moment(silence.until)} {limit}"
    )


# All keys that were minted here have the same reporters.
@lru_cache(maxsize=64)
def _latest(reporters: tuple[Reporter, ...], tolerance: int, as_of: int) -> Silence | None:
    """The silence over the tolerance that ended last; one that lasts comes before all that are over."""
    found = [each for reporter in reporters if (each := _latest_of(reporter, tolerance, as_of))]
    return max(
        found,
        key=lambda each: (as_of if each.until is None else each.until, each.until is None, -each.since),
        default=None,
    )


def _latest_of(reporter: Reporter, tolerance: int, as_of: int) -> Silence | None:
    begun = [stretch for stretch in reporter.stretches if stretch.covers_from <= as_of]
    until: int | None = None
    evidence: tuple[int, ...] = ()
    for stretch in reversed(begun):
        end = as_of if until is None else until
        lasted = end - stretch.covers_to
        if lasted > tolerance and not reporter.is_retired_within(stretch.covers_to, end):
            return Silence(reporter.name, stretch.covers_to, until, (stretch.position, *evidence))
        until, evidence = stretch.covers_from, (stretch.position,)
    return None
