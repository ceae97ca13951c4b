from contextlib import closing

import pytest
from hypothesis import given, settings

from ledger.events import (
    Authentication,
    CoverageReported,
    Event,
    KeyKind,
    KeyObserved,
    KeyState,
    KeyUsageSummarized,
    KeyUsed,
)
from ledger.intake import Item
from ledger.moments import LATEST
from ledger.observation import Coverage, Observation, UsageSummary
from ledger.usage import Use
from projections.as_of import clip
from tests.office import DAY, START, Office, shown
from tests.place import Place
from tests.projections.histories import MOMENTS, outside_items

T = START


def head(at: int) -> tuple[int, int, bytes, None, Authentication]:
    return (at, START, b"o" * 16, None, Authentication.CLAIMED)


def used(at: int, last_at: int | None = None, count: int = 1) -> KeyUsed:
    return KeyUsed(*head(at), key_id=b"k" * 16, service="s3", count=count, last_at=last_at)


def observed(at: int, state: KeyState | None, created_at: int | None = None) -> KeyObserved:
    return KeyObserved(
        *head(at), b"k" * 16, "aws", "AKIA", KeyKind.LONG_LIVED, "report", None, state, created_at
    )


def summarized(at: int, last: int | None, first: int | None = None) -> KeyUsageSummarized:
    return KeyUsageSummarized(*head(at), b"k" * 16, "report", T - 90 * DAY, at, first, last, 7)


def covered(start: int, end: int) -> CoverageReported:
    return CoverageReported(*head(end), "cloudtrail", start, end)


CASES: dict[str, tuple[Event, Event | None]] = {
    "a use at the very moment counts": (used(T), used(T)),
    "a later use does not": (used(T + 1), None),
    "coalesced uses that go on count as the first": (used(T - 5, T + 5, 9), used(T - 5)),
    "coalesced uses that are over count in full": (used(T - 5, T, 9), used(T - 5, T, 9)),
    "a state observed later is not known yet": (
        observed(T + 9, KeyState.REVOKED, T - 9),
        observed(T - 9, None, T - 9),
    ),
    "of a key that was created later only the name is kept": (
        observed(T + 9, KeyState.ACTIVE, T + 1),
        observed(LATEST, None),
    ),
    "an observation without a creation says nothing of before": (
        observed(T + 9, KeyState.ACTIVE),
        observed(LATEST, None),
    ),
    "a last use that a later report names counts": (
        summarized(T + 9, T - 9),
        KeyUsageSummarized(*head(T), b"k" * 16, "report", T - 90 * DAY, T, None, T - 9, 7),
    ),
    "a last use after the moment hides what was before it": (summarized(T + 9, T + 1), None),
    "a first use before it was a use all the same": (
        summarized(T + 9, T + 1, T - 9),
        KeyUsageSummarized(*head(T), b"k" * 16, "report", T - 9, T - 9, T - 9, T - 9, None),
    ),
    "coverage ends at the moment": (covered(T - 9, T + 9), covered(T - 9, T)),
    "coverage that begins later is none": (covered(T + 1, T + 9), None),
}


@pytest.mark.parametrize(("event", "expected"), CASES.values(), ids=CASES)
def test_an_event_is_clipped_to_what_had_happened(event: Event, expected: Event | None) -> None:
    clipped = clip(event, T)

    if isinstance(expected, CoverageReported | KeyUsageSummarized) and isinstance(clipped, type(expected)):
        assert clipped.occurred_at <= T
    assert clipped == expected


def already_said(item: Item, at: int) -> bool:
    """Whether all that an item tells had happened by then, so that a ledger of that time could hold it."""
    match item:
        case Use():
            return (item.last_at or item.occurred_at) <= at
        case Coverage():
            return item.covers_to <= at
        case Observation() | UsageSummary():
            return item.occurred_at <= at
        case _:
            return False


@settings(max_examples=40)
@given(items=outside_items(), at=MOMENTS)
def test_the_past_is_what_a_ledger_of_that_time_would_show(place: Place, items: list[Item], at: int) -> None:
    # Items that tell of both sides of the moment are clipped, which the cases above show.
    told = [
        item for item in items if already_said(item, at) or (isinstance(item, Use) and item.occurred_at > at)
    ]
    with (
        place.ledger() as address_now,
        place.ledger() as address_then,
        closing(Office(address_now)) as now,
        closing(Office(address_then)) as then,
    ):
        now.record(told)
        then.record([item for item in told if already_said(item, at)])

        seen = {(r.external_id, r.account): shown(r) for r in now.records(as_of=at).values()}

        assert seen == {(r.external_id, r.account): shown(r) for r in then.records().values()}
