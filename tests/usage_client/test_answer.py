from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_client.answer import Later, Taken, Unacceptable, read_answer, retry_after
from usage_client.backoff import LONGEST_S, MOST_ASKED_S, Backoff
from usage_client.deliver import BODY_BYTES, Counts, Delivery
from usage_client.moments import format_moment, parse_moment
from usage_client.use_id import derived_id, new_id

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("7", 7),
        (" 7 ", 7),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_a_number_and_as_a_date(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds


@given(st.integers(100, 599), st.binary(max_size=200), st.text(max_size=40), st.integers(0, 3))
def test_every_answer_has_a_meaning_and_none_but_a_whole_yes_ends_the_matter(
    status: int, content: bytes, kind: str, lines: int
) -> None:
    answer = read_answer(status, {"content-type": kind, "retry-after": kind}, content, lines, NOW)

    assert isinstance(answer, Taken | Unacceptable | Later)
    if lines:
        assert isinstance(answer, Later) or status in {400, 413, 422}


def test_refusals_beyond_those_told_are_counted() -> None:
    told = b'{"schema": "keyledger.intake/1", "stored": 1, "duplicates": 0, "refused": 3,'
    told += b' "refusals": [{"line": 2, "reason": "unknown key"}, 7]}'

    answer = read_answer(200, {}, told, 4, NOW)

    assert answer == Taken(
        1, 0, [(2, "unknown key"), (None, "no reason told"), (None, "refused with others")]
    )


def test_waits_double_up_to_a_minute_and_half_of_each_is_left_to_chance() -> None:
    longest, shortest = Backoff(lambda: 1.0), Backoff(lambda: 0.0)

    assert [longest.next() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 32, LONGEST_S, LONGEST_S]
    assert [shortest.next() for _ in range(3)] == [0.25, 0.5, 1]
    for _ in range(2000):
        longest.next()
    assert longest.next() == LONGEST_S
    longest.reset()
    assert longest.next() == 0.5


def test_what_the_server_asks_for_is_waited_for_up_to_five_minutes() -> None:
    backoff = Backoff(lambda: 1.0)

    assert backoff.next(30) == 30
    assert backoff.next(0) == 1
    assert backoff.next(1e9) == MOST_ASKED_S


@given(st.lists(st.integers(1, 3 * BODY_BYTES // 2), max_size=12), st.integers(1, 5))
def test_bodies_hold_every_line_once_and_in_order_within_both_bounds(sizes: list[int], most: int) -> None:
    lines = [bytes(size) for size in sizes]
    sent: list[bytes] = []

    def send(body: object) -> Taken:
        assert isinstance(body, list)
        assert len(body) <= most
        assert len(body) == 1 or sum(map(len, body)) <= BODY_BYTES
        sent.extend(body)
        return Taken(len(body))

    counts = Counts()

    assert Delivery(lines, most, lambda *_: None).go_on(send, counts) is None
    assert [len(line) for line in sent] == sizes
    assert counts.stored == len(lines)


@given(st.integers(0, 2**47), st.binary(min_size=10, max_size=10))
def test_ids_are_uuids_that_begin_with_the_moment(moment: int, raw: bytes) -> None:
    made, derived = UUID(new_id(moment, lambda _: raw)), UUID(derived_id(moment, "a", "b"))

    assert (made.version, derived.version) == (7, 8)
    assert made.int >> 80 == derived.int >> 80 == moment // 1000
    assert derived_id(moment, "a", "b") != derived_id(moment, "ab", "")


@given(st.integers(0, 4 * 10**15))
def test_moments_are_written_as_they_are_read(moment: int) -> None:
    assert parse_moment(format_moment(moment)) == moment
