import pytest

from projections.periods import Period, bridged, merge_periods


@pytest.mark.parametrize(
    ("periods", "merged"),
    [
        ([], ()),
        ([(5, 9)], ((5, 9),)),
        ([(5, 9), (1, 3)], ((1, 3), (5, 9))),
        ([(1, 5), (5, 9)], ((1, 9),)),
        ([(1, 9), (2, 3)], ((1, 9),)),
        ([(1, 4), (3, 9), (20, 30)], ((1, 9), (20, 30))),
    ],
)
def test_periods_that_touch_become_one_and_gaps_stay(
    periods: list[Period], merged: tuple[Period, ...]
) -> None:
    assert merge_periods(periods) == merged


def test_only_pauses_that_are_short_enough_are_bridged() -> None:
    assert bridged(((0, 2), (5, 7), (11, 12)), 3) == ((0, 7), (11, 12))
