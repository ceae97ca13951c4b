from collections.abc import Callable
from random import Random
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from ledger.ids import digest, format_id, hashed_id, parse_id, random_id, timed_id
from ledger.moments import LATEST

raw_bytes = st.binary(min_size=32, max_size=32)
moments = st.integers(0, LATEST)


@given(raw_bytes)
def test_a_random_id_is_a_uuid_of_version_4(raw: bytes) -> None:
    made = UUID(bytes=random_id(lambda count: raw[:count]))

    assert (made.version, made.variant) == (4, RFC_4122)


@given(moments, raw_bytes)
def test_a_timed_id_is_a_uuid_of_version_8_that_starts_with_its_milliseconds(moment: int, raw: bytes) -> None:
    made = UUID(bytes=timed_id(moment, raw))

    assert (made.version, made.variant) == (8, RFC_4122)
    assert made.int >> 80 == moment // 1000


@given(st.text(), st.text())
def test_a_hashed_id_is_a_uuid_of_version_8(left: str, right: str) -> None:
    made = UUID(bytes=hashed_id(left, right))

    assert (made.version, made.variant) == (8, RFC_4122)


@given(moments, moments, raw_bytes, raw_bytes)
def test_timed_ids_sort_by_their_moments(first: int, second: int, one: bytes, other: bytes) -> None:
    earlier, later = sorted((first // 1000, second // 1000))

    if earlier < later:
        assert timed_id(earlier * 1000, one) < timed_id(later * 1000, other)


@given(moments)
def test_a_timed_id_takes_every_bit_that_it_has_from_the_hash(moment: int) -> None:
    hashes = [bytes(80 // 8 - 1 - n) + b"\x01" + bytes(n) for n in range(10)]

    # The upper half of the version's byte and the two upper bits of the variant's are spoken for.
    assert len({timed_id(moment, hashed) for hashed in hashes}) == len(hashes)


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_different_parts_never_run_together(left: list[str], right: list[str]) -> None:
    assert (digest(*left) == digest(*right)) == (left == right)
    assert (hashed_id(*left) == hashed_id(*right)) == (left == right)


@pytest.mark.parametrize(
    ("left", "right"), [((None,), ("",)), ((b"a",), ("a",)), ((1,), ("1",)), ((), (None,))]
)
def test_parts_of_another_type_are_other_parts(left: tuple[object, ...], right: tuple[object, ...]) -> None:
    assert digest(*left) != digest(*right)


@given(st.binary(min_size=16, max_size=16))
def test_an_id_survives_being_written_and_read(raw: bytes) -> None:
    assert format_id(raw) == str(UUID(bytes=raw))
    assert parse_id(format_id(raw)) == raw
    assert parse_id(raw.hex().upper()) == raw


@pytest.mark.parametrize("text", ["", "key", "0123", "0123456789abcdef0123456789abcdeg", "0" * 33])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_id(text)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(random_id, id="random"),
        pytest.param(lambda random_bytes: timed_id(1, random_bytes(10)), id="timed"),
    ],
)
def test_the_same_randomness_gives_the_same_id(make: Callable[[Callable[[int], bytes]], bytes]) -> None:
    assert make(Random(3).randbytes) == make(Random(3).randbytes)
    assert make(Random(3).randbytes) != make(Random(4).randbytes)
