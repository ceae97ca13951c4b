from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from projections.reporter import Stretch, merge_stretches

stretches = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=12).map(
    lambda spans: [Stretch(start, start + length, n) for n, (start, length) in enumerate(spans, 1)]
)


def test_stretches_that_touch_become_one_with_the_event_of_its_end() -> None:
    assert merge_stretches([Stretch(5, 9, 2), Stretch(0, 5, 1), Stretch(10, 12, 3)]) == (
        Stretch(0, 9, 2),
        Stretch(10, 12, 3),
    )


def test_of_two_that_end_together_the_earlier_event_is_kept() -> None:
    assert merge_stretches([Stretch(3, 9, 7), Stretch(0, 9, 8)]) == (Stretch(0, 9, 7),)


@given(stretches, st.data())
def test_in_which_parts_they_are_merged_makes_no_difference(told: list[Stretch], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(told))
    cut = data.draw(st.integers(0, len(told)))

    in_parts = merge_stretches([*merge_stretches(shuffled[:cut]), *shuffled[cut:]])

    assert in_parts == merge_stretches(told)


@given(stretches)
def test_merged_stretches_tell_of_the_same_time_and_never_touch(told: list[Stretch]) -> None:
    merged = merge_stretches(told)

    def moments(parts: object) -> set[int]:
        return {at for each in parts for at in range(each.covers_from, each.covers_to + 1)}  # type: ignore[attr-defined]

    assert moments(merged) == moments(told)
    assert all(one.covers_to < other.covers_from for one, other in pairwise(merged))
