from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from ledger.moments import LATEST, format_duration, format_moment, moment_of, parse_duration, parse_moment

NOON = moment_of(datetime(2024, 5, 31, 12, tzinfo=UTC))

moments = st.integers(0, LATEST)


@given(moments)
def test_a_moment_survives_being_written_and_read(moment: int) -> None:
    assert parse_moment(format_moment(moment)) == moment


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_any_offset_means_the_same_moment(moment: int, minutes: int) -> None:
    at = datetime(2024, 5, 31, tzinfo=UTC) + timedelta(microseconds=moment % 10**15)

    elsewhere = at.astimezone(timezone(timedelta(minutes=minutes)))

    assert parse_moment(elsewhere.isoformat()) == moment_of(at)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01", 0),
        ("2024-05-31T12:00:00Z", NOON),
        ("2024-05-31T14:00:00+02:00", NOON),
        ("2024-05-31T12:00:00.000001Z", NOON + 1),
        ("2024-05-31", NOON - 43_200_000_000),
        ("9999-12-31T00:00:00Z", LATEST),
    ],
)
def test_rfc_3339_and_bare_dates_are_read(text: str, moment: int) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-05-31T12:00:00",
        "2024-13-01",
        "2024-02-30T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "9999-12-31T00:00:00.000001Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "1714564800",
        " 2024-05-31",
    ],
)
def test_what_is_no_moment_from_1970_to_9999_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_moment(text)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2024-05-31T12:00:00Z"),
        (NOON + 1, "2024-05-31T12:00:00.000001Z"),
        (NOON + 250_000, "2024-05-31T12:00:00.25Z"),
        (NOON + 999_999, "2024-05-31T12:00:00.999999Z"),
    ],
)
def test_a_fraction_is_written_only_where_it_is_not_zero(moment: int, text: str) -> None:
    assert format_moment(moment) == text


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("45d", timedelta(days=45)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        ("30s", timedelta(seconds=30)),
        ("2w", timedelta(days=14)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("0d", timedelta()),
    ],
)
def test_durations_are_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "45",
        "d",
        "-45d",
        "+45d",
        "4.5d",
        "45 d",
        "45D",
        "45d ",
        "1y",
        "\uff14\uff15d",
        "12345678d",
        "9999999w" * 16,
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_duration(text)


@given(st.timedeltas(timedelta(), timedelta(days=36500)))
def test_a_duration_of_whole_seconds_survives_being_written_and_read(duration: timedelta) -> None:
    whole = timedelta(seconds=duration // timedelta(seconds=1))

    assert parse_duration(format_duration(whole)) == whole


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(days=45), "45d"),
        (timedelta(days=1, hours=12), "1d12h"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(seconds=61), "1m1s"),
        (timedelta(), "0s"),
    ],
)
def test_a_duration_is_written_largest_unit_first(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text
