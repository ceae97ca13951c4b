"""Pauses in the use of keys: those that the days give are those that the uses themselves give."""

from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import KeyState
from ledger.intake import Item
from ledger.observation import Coverage, ExternalKey, Observation, UsageSummary
from ledger.usage import Use
from projections.key_record import KeyRecord
from projections.pause import Pause, Sought
from projections.view import open_view
from tests.office import DAY, HOUR, SECOND, START, Office
from tests.place import Place

KEY = ExternalKey("aws", "AKIAEXAMPLE0000000A1", account="111122223333")
SLOT = ExternalKey("aws", "arn:aws:iam::111122223333:user/bob/1", account="111122223333", generation="x")
MONTH = Sought(30 * DAY, START - 20 * DAY, START)
WATCHED = Coverage("cloudtrail", START - 900 * DAY, START, source="aws", account="111122223333")

moments = st.integers(0, 140 * 24).map(lambda hours: START - hours * HOUR)
seekings = st.builds(
    Sought,
    at_least=st.integers(1, 60).map(lambda days: days * DAY),
    ended_since=st.integers(0, 90).map(lambda days: START - days * DAY),
    until=st.just(START),
)


def records(office: Office, sought: Sought) -> dict[str | None, KeyRecord]:
    with open_view(office.database, office.id) as view:
        return {record.external_id: record for record in view.records(sought)}


def pauses(office: Office, sought: Sought = MONTH) -> tuple[Pause, ...]:
    """Those of the only key."""
    (record,) = records(office, sought).values()
    return record.pauses


def used(at: int, key: ExternalKey = KEY, last_at: int | None = None) -> Use:
    count = 1 if last_at is None else 2
    return Use(
        key=key,
        service="s3",
        occurred_at=at,
        given_id=f"{key.external_id} {at}",
        count=count,
        last_at=last_at,
    )


def created(at: int, key: ExternalKey = KEY) -> Observation:
    return Observation(key, at, "cloudtrail", KeyState.ACTIVE, at, owner="bob")


def spelt_out(created_at: int, uses: list[int], sought: Sought) -> list[tuple[int, int]]:
    """By looking at every use; a creation amid the uses is no end of a pause."""
    known = sorted({*uses, min(created_at, *uses)})
    return [
        gap for gap in pairwise(known) if gap[1] - gap[0] >= sought.at_least and gap[1] >= sought.ended_since
    ]


@pytest.mark.parametrize("few", [0, 1000], ids=["by whole days", "key by key"])
@settings(max_examples=20)
@given(
    histories=st.lists(st.lists(moments, min_size=1, max_size=8, unique=True), min_size=1, max_size=4),
    ages=st.lists(st.integers(0, 400), min_size=4, max_size=4),
    sought=seekings,
)
def test_the_days_give_the_same_pauses_as_the_uses_themselves(
    place: Place, few: int, histories: list[list[int]], ages: list[int], sought: Sought
) -> None:
    keys = [ExternalKey("aws", f"AKIA{number:016d}", account="111122223333") for number in range(4)]
    with (
        pytest.MonkeyPatch.context() as patch,
        place.ledger() as address,
        closing(Office(address)) as office,
    ):
        patch.setattr("projections.pauses.FEW", few)
        told: list[Item] = [WATCHED]
        for key, uses, age in zip(keys, histories, ages, strict=False):
            told += [created(START - age * DAY, key), *(used(at, key) for at in uses)]
        office.record(told)

        found = records(office, sought)

        for key, uses, age in zip(keys, histories, ages, strict=False):
            ends = [(pause.began_at, pause.ended_at) for pause in found[key.external_id].pauses]
            assert ends == spelt_out(START - age * DAY, uses, sought)


@pytest.mark.parametrize(("lasted", "expected"), [(30 * DAY, 1), (30 * DAY - 1, 0)])
@pytest.mark.parametrize(("ago", "recent"), [(20 * DAY, 1), (20 * DAY + 1, 0)])
def test_a_pause_is_sought_to_the_microsecond(
    office: Office, lasted: int, expected: int, ago: int, recent: int
) -> None:
    woken = START - ago
    office.record([created(START - 300 * DAY), WATCHED, used(woken - lasted), used(woken)])

    assert len(pauses(office)) == expected * recent


def test_a_pause_of_years_is_found_with_the_events_at_both_its_ends(office: Office) -> None:
    office.record([created(START - 890 * DAY), WATCHED, used(START - 880 * DAY), used(START - 5 * DAY)])

    (pause,) = pauses(office)

    assert (pause.began_at, pause.ended_at) == (START - 880 * DAY, START - 5 * DAY)
    assert None not in (pause.began_position, pause.ended_position)


def test_the_first_use_of_a_key_long_after_its_creation_ends_a_pause(office: Office) -> None:
    office.record([created(START - 100 * DAY), WATCHED, used(START - DAY)])

    (pause,) = pauses(office)

    assert (pause.began_at, pause.lasted) == (START - 100 * DAY, 99 * DAY)


def test_a_late_use_in_the_midst_of_a_pause_ends_it(office: Office) -> None:
    office.record([created(START - 300 * DAY), WATCHED, used(START - 50 * DAY), used(START - DAY)])
    assert len(pauses(office)) == 1

    office.record([used(START - 25 * DAY)])

    assert pauses(office) == ()


def test_uses_that_were_counted_together_hide_no_pause(office: Office) -> None:
    office.record([created(START - 300 * DAY), WATCHED, used(START - 80 * DAY, last_at=START - DAY)])

    assert [pause.ended_at for pause in pauses(office, Sought(30 * DAY, 0, START))] == [START - 80 * DAY]


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (START - 50 * DAY, START - DAY, 1),
        (START - 50 * DAY + 1, START - DAY, 0),
        (START - 50 * DAY, START - DAY - 1, 0),
    ],
)
def test_a_pause_of_another_sources_key_counts_only_where_it_was_watched_from_end_to_end(
    office: Office, begin: int, end: int, expected: int
) -> None:
    watched = Coverage("cloudtrail", begin, end, source="aws", account="111122223333")
    office.record([created(START - 300 * DAY), watched, used(START - 50 * DAY), used(START - DAY)])

    assert len(pauses(office)) == expected


def report(at: int, last_used_at: int | None) -> list[Item]:
    since = START - 900 * DAY
    return [
        Observation(KEY, at, "iam-credential-report", KeyState.ACTIVE, START - 300 * DAY, owner="bob"),
        UsageSummary(KEY, at, "iam-credential-report", since, at, last_used_at=last_used_at),
    ]


def test_two_reports_tell_of_a_pause_between_a_last_use_and_the_end_of_the_first(office: Office) -> None:
    office.record([*report(START - 40 * DAY, START - 80 * DAY), *report(START, START - DAY)])

    (pause,) = pauses(office)

    assert (pause.began_at, pause.silent_until, pause.ended_at) == (
        START - 80 * DAY,
        START - 40 * DAY,
        START - DAY,
    )
    assert pauses(office, Sought(40 * DAY + 1, START - 20 * DAY, START)) == ()


def test_one_report_tells_of_no_pause_before_its_last_use(office: Office) -> None:
    office.record([used(START - 100 * DAY), *report(START, START - DAY)])

    assert pauses(office) == ()


def test_a_report_of_a_use_in_the_midst_ends_a_pause_between_uses(office: Office) -> None:
    office.record([WATCHED, used(START - 50 * DAY), used(START - DAY), *report(START, START - DAY)])
    assert len(pauses(office)) == 1

    office.record(report(START - 20 * DAY, START - 25 * DAY))

    assert pauses(office) == ()


def test_uses_under_another_name_of_the_key_are_uses_of_it(office: Office) -> None:
    told: list[Item] = [created(START - 300 * DAY), created(START - 300 * DAY, SLOT), WATCHED]
    office.record([*told, used(START - 50 * DAY), used(START - DAY)])
    assert len(records(office, MONTH)[KEY.external_id].pauses) == 1

    office.record([used(START - 25 * DAY, SLOT)])

    assert records(office, MONTH)[KEY.external_id].pauses == ()


def test_nobody_asks_for_the_pauses_of_keys_that_are_over_or_not_used_since(office: Office) -> None:
    gone = Observation(KEY, START - HOUR, "cloudtrail", KeyState.REVOKED)
    office.record([created(START - 300 * DAY), WATCHED, used(START - 50 * DAY), used(START - DAY)])
    assert pauses(office, Sought(30 * DAY, START - DAY + SECOND, START)) == ()

    office.record([gone])

    assert pauses(office) == ()
