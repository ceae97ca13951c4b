from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.audit.policy import Policy
from projections.audit.usage_state import UsageState, is_covered, missing_coverage, usage_state
from projections.key_record import KeyRecord
from tests.projections.audit.records import DAY, HOUR, NOW, SECOND, aws, minted, never_used, unused_since

AWS_TRACKING = NOW - 2000 * DAY
STRICT = Policy(assume_coverage=False)


def state(record: KeyRecord, policy: Policy | None = None) -> UsageState:
    return usage_state(record, NOW, policy or Policy())


@pytest.mark.parametrize(
    ("idle", "expected"),
    [
        (45 * DAY - 1, UsageState.USED),
        (45 * DAY, UsageState.UNUSED),
        (45 * DAY + 5 * HOUR, UsageState.UNUSED),
    ],
)
def test_a_key_is_unused_from_the_very_microsecond_of_the_threshold(idle: int, expected: UsageState) -> None:
    assert state(unused_since(NOW - idle)) is expected


def test_idle_time_counts_from_creation_where_that_is_later_than_the_last_use() -> None:
    record = aws(created_at=NOW - 44 * DAY, last_used_at=NOW - 60 * DAY)
    assert state(record) is UsageState.USED


def test_a_use_within_the_threshold_needs_no_coverage() -> None:
    assert state(aws(last_used_at=NOW - DAY, covered=())) is UsageState.USED


def test_a_use_that_a_clock_put_ahead_of_the_audit_is_a_use() -> None:
    assert state(aws(last_used_at=NOW + SECOND, covered=())) is UsageState.USED


def test_a_minted_key_is_covered_only_where_the_policy_assumes_it() -> None:
    assert state(never_used()) is UsageState.NEVER_USED
    assert state(never_used(), STRICT) is UsageState.NO_DATA
    assert state(never_used(covered=((NOW - 20 * DAY, NOW),)), STRICT) is UsageState.NEVER_USED


def test_a_key_of_elsewhere_is_never_assumed_to_be_covered() -> None:
    assert state(aws(covered=())) is UsageState.NO_DATA
    assert (
        state(aws(covered=(), last_used_at=NOW - 60 * DAY, created_at=NOW - 90 * DAY)) is UsageState.NO_DATA
    )


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (NOW - 45 * DAY, NOW, UsageState.UNUSED),
        (NOW - 45 * DAY + 1, NOW, UsageState.NO_DATA),
        (NOW - 45 * DAY, NOW - 48 * HOUR, UsageState.UNUSED),
        (NOW - 45 * DAY, NOW - 48 * HOUR - 1, UsageState.NO_DATA),
    ],
    ids=["exactly", "begins too late", "ends as early as tolerated", "ends too early"],
)
def test_unused_needs_the_whole_threshold_covered(begin: int, end: int, expected: UsageState) -> None:
    record = aws(created_at=NOW - 900 * DAY, last_used_at=NOW - 100 * DAY, covered=((begin, end),))
    assert state(record) is expected


@pytest.mark.parametrize(
    ("begin", "expected"),
    [(NOW - 10 * DAY, UsageState.NEVER_USED), (NOW - 10 * DAY + 1, UsageState.NO_DATA)],
)
def test_never_used_needs_coverage_since_creation(begin: int, expected: UsageState) -> None:
    assert state(aws(created_at=NOW - 10 * DAY, covered=((begin, NOW),))) is expected


def test_a_gap_in_the_coverage_is_no_data() -> None:
    record = aws(covered=((NOW - 20 * DAY, NOW - 6 * DAY), (NOW - 5 * DAY, NOW)))
    assert state(record) is UsageState.NO_DATA


def test_a_key_older_than_the_tracking_of_its_source_and_not_seen_used_is_no_data() -> None:
    record = aws(created_at=AWS_TRACKING - 1, covered=((AWS_TRACKING, NOW),))
    assert state(record) is UsageState.NO_DATA
    assert state(aws(created_at=AWS_TRACKING, covered=((AWS_TRACKING, NOW),))) is UsageState.NEVER_USED


def test_a_key_older_than_the_tracking_but_seen_used_is_unused() -> None:
    record = aws(created_at=AWS_TRACKING - 1, last_used_at=NOW - 500 * DAY, covered=((AWS_TRACKING, NOW),))
    assert state(record) is UsageState.UNUSED


def test_a_key_made_after_the_last_tolerated_report_is_covered() -> None:
    record = aws(created_at=NOW - HOUR, covered=((NOW - 20 * DAY, NOW - DAY),))
    assert state(record) is UsageState.NEVER_USED


@pytest.mark.parametrize(
    ("known_for", "covered_for", "expected"),
    [
        (10 * DAY, 10 * DAY, UsageState.NO_DATA),
        (10 * DAY, 45 * DAY, UsageState.NEVER_USED),
        (60 * DAY, 45 * DAY, UsageState.NO_DATA),
        (60 * DAY, 60 * DAY, UsageState.NEVER_USED),
    ],
)
def test_a_key_of_unknown_creation_must_be_watched_since_known_and_for_the_threshold(
    known_for: int, covered_for: int, expected: UsageState
) -> None:
    record = aws(created_at=None, known_since=NOW - known_for, covered=((NOW - covered_for, NOW),))
    assert state(record) is expected


def test_an_unused_key_of_unknown_creation_needs_only_its_silence_covered() -> None:
    record = aws(created_at=None, last_used_at=NOW - 60 * DAY, covered=((NOW - 45 * DAY, NOW),))
    assert state(record) is UsageState.UNUSED


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (aws(covered=()), "no reporter vouches that it tells the uses of this key"),
        (aws(covered=((0, NOW - 3 * DAY),)), "its uses are reported up to 2025-12-29T00:00:00Z only"),
        (
            aws(covered=((NOW - 9 * DAY, NOW),)),
            (
                "its uses are reported without a gap from 2025-12-23T00:00:00Z on only,"
                " not from 2025-12-22T00:00:00Z"
            ),
        ),
    ],
    ids=["nobody", "ended", "began late"],
)
def test_what_coverage_is_missing_is_said(record: KeyRecord, reason: str) -> None:
    assert missing_coverage(record, NOW, Policy()) == reason


moments = st.integers(NOW - 200 * DAY, NOW)
periods = st.lists(moments, max_size=6, unique=True).map(
    lambda at: tuple(zip(sorted(at)[::2], sorted(at)[1::2], strict=False))
)


@given(
    known_since=moments,
    created_at=st.none() | moments,
    last_used_at=st.none() | moments,
    covered=periods,
    is_minted=st.booleans(),
    assume=st.booleans(),
)
def test_the_four_states_are_total_and_never_claim_more_than_the_evidence(  # noqa: PLR0913
    *,
    known_since: int,
    created_at: int | None,
    last_used_at: int | None,
    covered: tuple[tuple[int, int], ...],
    is_minted: bool,
    assume: bool,
) -> None:
    facts = {"known_since": known_since, "created_at": created_at, "last_used_at": last_used_at}
    record = (minted if is_minted else aws)(**facts, covered=covered)
    policy = Policy(assume_coverage=assume, unused_for=timedelta(days=45))
    idle = record.idle(NOW)
    match usage_state(record, NOW, policy):
        case UsageState.USED:
            assert last_used_at is not None
            assert idle is not None
            assert idle < policy.unused_for
        case UsageState.UNUSED:
            assert last_used_at is not None
            assert last_used_at <= NOW - 45 * DAY
            assert is_covered(record, NOW, policy)
        case UsageState.NEVER_USED:
            assert last_used_at is None
            assert is_covered(record, NOW, policy)
        case UsageState.NO_DATA:
            assert not is_covered(record, NOW, policy)
            assert last_used_at is None or last_used_at <= NOW - 45 * DAY


@given(covered=periods, created_at=moments)
def test_more_coverage_never_turns_a_verdict_into_no_data(
    covered: tuple[tuple[int, int], ...], created_at: int
) -> None:
    record = aws(created_at=created_at, covered=covered)
    wider = aws(created_at=created_at, covered=((NOW - 300 * DAY, NOW),))
    assert state(wider) is UsageState.NEVER_USED
    assert state(record) in {UsageState.NEVER_USED, UsageState.NO_DATA}
