import re
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_cli.reports.html.distribution import bins_of
from audit_cli.reports.html.heat_map import heat_rows
from audit_cli.reports.html.heat_row import described, levels, packed, short_name, strip
from audit_cli.reports.html.page import render_html
from projections.audit.report import audit
from tests.audit_cli.reports.html.pages import hostile, many_keys, with_days
from tests.projections.audit.records import DAY, NOW, aws, never_used, unused_since
from tests.projections.audit.samples import SCOPE


def unpacked(text: str, length: int) -> list[int]:
    """What the page's script makes of it."""
    found = [0] * (length + 1)
    for pair, letter in enumerate(text):
        found[2 * pair : 2 * pair + 2] = divmod(ord(letter) - ord("A"), 5)
    return found[:length]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200))
def test_days_are_packed_two_to_a_letter_and_come_out_the_same(shown: list[int]) -> None:
    assert unpacked(packed(shown), len(shown)) == shown
    assert len(packed(shown)) <= (len(shown) + 1) // 2


def test_a_level_is_one_use_up_to_ten_up_to_a_hundred_or_more() -> None:
    counts = dict(enumerate([1, 2, 10, 11, 100, 101], start=100))

    assert levels(counts, 100, 7) == [1, 2, 2, 3, 3, 4, 0]


def test_rows_are_the_active_keys_the_stalest_first_and_the_unknown_last() -> None:
    report = hostile()
    rows = heat_rows(report)

    assert {row.key_id for row in rows} == {key.id for key in report.keys if key.state == "active"}
    idle = [row.idle_days for row in rows if row.idle_days is not None]
    assert all(one >= other for one, other in pairwise(idle))
    assert [row.key_id for row in rows[: len(idle)]] == [
        row.key_id for row in rows if row.idle_days is not None
    ]


def test_a_use_that_no_event_tells_of_is_marked() -> None:
    key = aws(last_used_at=NOW - 3 * DAY)
    report = with_days(audit(SCOPE, [key]), every=1000)
    (row,) = heat_rows(report)

    assert row.marked == 178
    assert "mark" in strip(row.levels, described(row), row.born, row.marked)
    assert described(row) == "used on 1 day of 182"


def test_a_key_is_not_drawn_before_it_was_made_and_silence_is_told() -> None:
    (row,) = heat_rows(with_days(audit(SCOPE, [never_used(created_at=NOW - 30 * DAY)])))

    assert row.born == 151
    assert described(row) == "not used on any of 182 days, nor before"
    (old,) = heat_rows(with_days(audit(SCOPE, [unused_since(NOW - 300 * DAY)])))
    assert (old.born, described(old)) == (0, "not used on any of 182 days")


@pytest.mark.parametrize(
    ("name", "short"), [("ci-deploy", "ci-deploy"), ("arn:aws:iam::1:user/ci/1", "user/ci/1"), ("a:b", "a:b")]
)
def test_of_an_arn_the_end_is_shown(name: str, short: str) -> None:
    assert short_name(name) == short


def test_many_keys_are_shown_in_bands_each_of_keys_idle_about_as_long() -> None:
    page = render_html(many_keys(250))

    bands = re.findall(r'data-heat="(\d+)"', page)
    assert [int(start) for start in bands] == list(range(0, 250, 9))
    assert "in bands of 9" in page
    assert "All 250 active keys" in page
    assert "data-heat=" not in render_html(many_keys(30))


def test_where_not_all_active_keys_are_shown_the_page_says_of_how_many_they_are() -> None:
    report = many_keys(250)
    assert report.daily_use is not None
    shown = dict(list(report.daily_use.counts.items())[:100])
    fewer = msgspec.structs.replace(report.daily_use, counts=shown)

    page = render_html(msgspec.structs.replace(report, daily_use=fewer))

    assert "The 100 stalest of 250 active keys in bands of 4" in page


def test_bins_begin_at_the_policys_threshold_and_hold_each_value_once() -> None:
    values = [0.0, 6.999999, 7, 44.999999, 45, 89, 90, 1000, None]
    bins = bins_of(values, "45d")

    assert sum(each.count for each in bins) == len(values) - 1
    assert {each.start for each in bins if each.is_over} == {45, 90, 180, 365, 730}
    assert {each.start: each.count for each in bins}[45] == 2
    assert bins[-1].end is None
    assert [each.start for each in bins_of([], "12h")][:2] == [0, 0.5]
