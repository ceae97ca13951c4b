"""Declared coverage from its events to the verdict on a key."""

import pytest

from ledger.intake import Item
from ledger.observation import Coverage, ExternalKey, UsageSummary
from ledger.reporters import retire_reporter
from projections.audit.policy import Policy
from projections.audit.usage_state import UsageState, usage_state
from projections.catch_up import catch_up
from projections.coverage import SummarizedCoverage
from projections.difference import differences
from projections.rebuild import rebuild
from projections.reporter import Reporter, Stretch
from projections.view import open_view
from tests.office import DAY, HOUR, START, Office

SLOT = ExternalKey("aws", "arn:aws:iam::1:user/zoe/1")


def beat(office: Office, start: int, end: int, reporter: str = "gateway") -> None:
    office.ledger.report_coverage(office.org, office.ada, reporter, start, end)


def reporters(office: Office, as_of: int | None = None) -> list[Reporter]:
    with open_view(office.database, office.id, as_of) as view:
        return view.reporters()


def usage(office: Office, key_id: bytes, as_of: int | None = None) -> UsageState:
    at = office.now if as_of is None else as_of
    return usage_state(office.records(at)[key_id], at, Policy())


def test_heartbeats_that_follow_each_other_are_one_row_whenever_they_come(office: Office) -> None:
    office.now = START + 10 * HOUR
    for hour in (4, 0, 2, 1, 3, 7):
        beat(office, START + hour * HOUR, START + (hour + 1) * HOUR)
        catch_up(office.database)

    (found,) = reporters(office)

    assert [(each.covers_from, each.covers_to) for each in found.stretches] == [
        (START, START + 5 * HOUR),
        (START + 7 * HOUR, START + 8 * HOUR),
    ]
    assert differences(office.database) == []


def test_rebuilt_rows_are_those_that_came_one_by_one(office: Office) -> None:
    office.now = START + 10 * HOUR
    for hour in (2, 0, 1, 5):
        beat(office, START + hour * HOUR, START + (hour + 1) * HOUR)
        catch_up(office.database)
    before = reporters(office)

    rebuild(office.database)

    assert reporters(office) == before


def test_reporters_are_told_apart_by_name_source_and_account(office: Office) -> None:
    told: list[Item] = [
        Coverage("cloudtrail", START - DAY, START, "aws", "1"),
        Coverage("cloudtrail", START - DAY, START, "aws", "2"),
        Coverage("anything", START - DAY, START),
    ]
    office.record(told)
    beat(office, START - HOUR, START)

    found = [(each.name, each.source, each.account) for each in reporters(office)]

    assert found == [
        ("anything", None, None),
        ("cloudtrail", "aws", "1"),
        ("cloudtrail", "aws", "2"),
        ("gateway", "keyledger", None),
    ]


def test_one_reporters_words_of_all_keys_and_of_ours_are_one_of_ours(office: Office) -> None:
    key = office.key()
    office.record([Coverage("gateway", START - 2 * DAY, START - DAY)])
    beat(office, START - DAY, START)

    (ours,) = office.records()[key.id].reporters

    assert [(each.covers_from, each.covers_to) for each in ours.stretches] == [(START - 2 * DAY, START)]


def test_a_report_of_single_keys_is_told_by_its_name(office: Office) -> None:
    other = ExternalKey("aws", "arn:aws:iam::1:user/zoe/2")
    office.record(
        [
            UsageSummary(SLOT, START, "report", START - 9 * DAY, START),
            UsageSummary(other, START, "report", START - 5 * DAY, START - DAY),
        ]
    )

    with open_view(office.database, office.id) as view:
        assert view.summarized() == [SummarizedCoverage("report", 2, START - 9 * DAY, START)]


@pytest.mark.parametrize(
    ("silent_for", "expected"),
    [(2 * DAY, UsageState.NEVER_USED), (2 * DAY + 1, UsageState.NO_DATA)],
    ids=["as long as tolerated", "a microsecond longer"],
)
def test_a_key_minted_here_has_no_data_once_a_declared_reporter_is_overdue(
    office: Office, silent_for: int, expected: UsageState
) -> None:
    key = office.key()
    office.now = START + 30 * DAY
    beat(office, START, office.now)
    assert usage(office, key.id) is UsageState.NEVER_USED

    office.now += silent_for

    assert usage(office, key.id) is expected


def test_a_key_of_another_source_has_data_whoever_of_ours_is_silent(office: Office) -> None:
    office.record([UsageSummary(SLOT, START, "report", START - 90 * DAY, START)])
    beat(office, START - 80 * DAY, START - 70 * DAY)

    (record,) = office.records(START).values()

    assert record.reporters == ()
    assert usage_state(record, START, Policy()) is UsageState.NEVER_USED


def test_a_retired_reporter_is_missed_before_and_not_after(office: Office) -> None:
    key = office.key()
    beat(office, START, START)
    office.now = START + 9 * DAY
    retire_reporter(office.ledger, office.org, office.ada, "gateway")
    office.now += DAY

    assert usage(office, key.id) is UsageState.NEVER_USED
    assert usage(office, key.id, START + 9 * DAY - 1) is UsageState.NO_DATA
    assert differences(office.database) == []


def test_at_a_past_moment_only_what_was_covered_by_then_is_told(office: Office) -> None:
    office.now = START + 10 * DAY
    beat(office, START, START + 10 * DAY)

    (found,) = reporters(office, as_of=START + DAY)

    assert found.stretches == (Stretch(START, START + DAY, 3),)
