"""A declared reporter that is silent: what it saw meanwhile nobody knows."""

from datetime import timedelta

import pytest

from projections.audit.policy import Policy
from projections.audit.usage_state import UsageState, missing_coverage, usage_state
from projections.key_record import KeyRecord
from projections.reporter import Reporter, Stretch
from tests.projections.audit.records import (
    DAY,
    HOUR,
    NOW,
    SECOND,
    aws,
    judged,
    minted,
    never_used,
    unused_since,
)

TOLERATED = 48 * HOUR
STRICT = Policy(assume_coverage=False)


def reporter(*periods: tuple[int, int], name: str = "gateway", retired: tuple[int, ...] = ()) -> Reporter:
    stretches = tuple(Stretch(*period, 20 + number) for number, period in enumerate(periods))
    return Reporter(name, "keyledger", None, stretches, retired)


def state(record: KeyRecord, policy: Policy | None = None) -> UsageState:
    return usage_state(record, NOW, policy or Policy())


@pytest.mark.parametrize(
    ("last_beat", "expected"),
    [(NOW - TOLERATED, UsageState.NEVER_USED), (NOW - TOLERATED - 1, UsageState.NO_DATA)],
    ids=["as tolerated", "a microsecond longer"],
)
def test_a_reporter_that_is_silent_for_too_long_leaves_no_data(last_beat: int, expected: UsageState) -> None:
    assert state(never_used(reporters=(reporter((NOW - 90 * DAY, last_beat)),))) is expected
    idle = unused_since(NOW - 60 * DAY, reporters=(reporter((NOW - 90 * DAY, last_beat)),))
    assert state(idle) is (UsageState.UNUSED if expected is UsageState.NEVER_USED else expected)


@pytest.mark.parametrize(
    ("gap", "expected"),
    [(TOLERATED, UsageState.NEVER_USED), (TOLERATED + 1, UsageState.NO_DATA)],
    ids=["as tolerated", "a microsecond longer"],
)
def test_a_gap_between_heartbeats_hides_what_happened_meanwhile(gap: int, expected: UsageState) -> None:
    resumed = NOW - DAY
    beats = reporter((NOW - 90 * DAY, resumed - gap), (resumed, NOW))

    assert state(never_used(reporters=(beats,))) is expected


@pytest.mark.parametrize(
    ("created_at", "expected"),
    [(NOW - 5 * DAY, UsageState.NEVER_USED), (NOW - 5 * DAY - 1, UsageState.NO_DATA)],
    ids=["two days of it", "a microsecond more"],
)
def test_of_a_silence_only_what_the_key_has_seen_counts(created_at: int, expected: UsageState) -> None:
    beats = reporter((NOW - 90 * DAY, NOW - 20 * DAY), (NOW - 3 * DAY, NOW))
    record = never_used(created_at=created_at, known_since=created_at, reporters=(beats,))

    assert state(record) is expected


def test_a_silence_before_the_watched_time_is_none_of_an_unused_key() -> None:
    beats = reporter((NOW - 200 * DAY, NOW - 190 * DAY), (NOW - 43 * DAY, NOW))
    idle = unused_since(NOW - 60 * DAY, reporters=(beats,))

    assert state(idle) is UsageState.UNUSED
    assert state(idle, Policy(unused_for=timedelta(days=45, microseconds=0, seconds=1))) is UsageState.NO_DATA


def test_nothing_is_expected_of_a_reporter_before_its_first_heartbeat() -> None:
    assert state(never_used(reporters=(reporter((NOW - HOUR, NOW)),))) is UsageState.NEVER_USED


def test_a_key_that_was_used_lately_is_used_whoever_is_silent() -> None:
    assert state(minted(reporters=(reporter((NOW - 90 * DAY, NOW - 30 * DAY)),))) is UsageState.USED


def test_one_silent_reporter_is_enough() -> None:
    fine = reporter((NOW - 90 * DAY, NOW), name="gateway")
    silent = reporter((NOW - 90 * DAY, NOW - 3 * DAY), name="mailer")

    assert state(never_used(reporters=(fine,))) is UsageState.NEVER_USED
    assert state(never_used(reporters=(fine, silent))) is UsageState.NO_DATA


def test_a_key_of_elsewhere_knows_nothing_of_such_reporters() -> None:
    assert state(aws(covered=((NOW - 20 * DAY, NOW),), reporters=())) is UsageState.NEVER_USED


@pytest.mark.parametrize(
    ("retired", "expected"),
    [
        (NOW - 20 * DAY, UsageState.NEVER_USED),
        (NOW, UsageState.NEVER_USED),
        (NOW - 20 * DAY - 1, UsageState.NO_DATA),
        (NOW + 1, UsageState.NO_DATA),
    ],
    ids=["at its last heartbeat", "now", "before it beat again", "after the audit"],
)
def test_nothing_is_expected_of_a_reporter_that_is_retired(retired: int, expected: UsageState) -> None:
    beats = reporter((NOW - 90 * DAY, NOW - 20 * DAY), retired=(retired,))

    assert state(never_used(reporters=(beats,))) is expected


def test_a_reporter_that_beats_again_after_its_retirement_is_expected_to_go_on() -> None:
    beats = reporter(
        (NOW - 90 * DAY, NOW - 20 * DAY), (NOW - 9 * DAY, NOW - 8 * DAY), retired=(NOW - 15 * DAY,)
    )

    assert state(never_used(reporters=(beats,))) is UsageState.NO_DATA


@pytest.mark.parametrize(
    ("begin", "pause", "expected"),
    [
        (NOW - 10 * DAY, TOLERATED, UsageState.NEVER_USED),
        (NOW - 10 * DAY, TOLERATED + 1, UsageState.NO_DATA),
        (NOW - 10 * DAY + 1, 0, UsageState.NO_DATA),
    ],
    ids=["a tolerated pause", "too long a pause", "began after the key"],
)
def test_without_the_assumption_heartbeats_must_speak_for_the_whole_life(
    begin: int, pause: int, expected: UsageState
) -> None:
    middle = NOW - 5 * DAY
    covered = ((begin, middle), (middle + pause, NOW))

    assert state(never_used(covered=covered, reporters=(reporter(*covered),)), STRICT) is expected


def test_the_silence_that_ended_last_is_told() -> None:
    lasting = reporter((NOW - 90 * DAY, NOW - 3 * DAY), name="mailer")
    over = reporter((NOW - 90 * DAY, NOW - 20 * DAY), (NOW - 3 * DAY + SECOND, NOW), name="gateway")

    assert missing_coverage(never_used(reporters=(over, lasting)), NOW, Policy()) == (
        "the reporter mailer has been silent since 2025-12-29T00:00:00Z (coverage_tolerance 2d)"
    )
    assert missing_coverage(never_used(reporters=(over,)), NOW, Policy()) == (
        "the reporter gateway was silent from 2025-12-12T00:00:00Z to 2025-12-29T00:00:01Z"
        " (coverage_tolerance 2d)"
    )


def test_the_finding_cites_the_heartbeats_on_both_sides_of_the_silence() -> None:
    over = reporter((NOW - 90 * DAY, NOW - 20 * DAY), (NOW - 3 * DAY, NOW))

    verdict = judged("no-usage-data", never_used(reporters=(over,)))

    assert verdict is not None
    assert verdict.evidence == (1, 20, 21)
    assert "the reporter gateway was silent" in verdict.message


@pytest.mark.parametrize("rule", ["unused-key", "never-used-key"])
def test_no_data_is_never_reported_as_unused(rule: str) -> None:
    silent = (reporter((NOW - 90 * DAY, NOW - 3 * DAY)),)

    assert judged(rule, never_used(created_at=NOW - 80 * DAY, reporters=silent)) is None
    assert judged(rule, unused_since(NOW - 60 * DAY, reporters=silent)) is None
