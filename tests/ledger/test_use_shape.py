"""Uses taken apart by bytes tell what they tell when decoded; whatever is not alike is left to decoding."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding import encode
from ledger.events import Authentication, KeyUsed, UseDetails
from ledger.use_scan import decode_uses
from ledger.use_shape import decode_tail, plain_state, plain_uses, tail_of

MOMENT = 1_767_225_600_000_000
IDS = st.binary(min_size=16, max_size=16)
TEXTS = st.text(max_size=40) | st.sampled_from(["payments", "ͻ", "\x01"])
COUNTS = st.sampled_from([0, 1, 2, 127, 128, 255, 256, 257, 0x01CD, 0x8001, 65_536, 0x0101_0101])


@st.composite
def uses(draw: st.DrawFn) -> KeyUsed:
    return KeyUsed(
        draw(st.sampled_from([MOMENT, MOMENT + 1, 2**32 - 1, 2**32, 0])),
        draw(st.sampled_from([MOMENT, 5])),
        draw(IDS),
        draw(IDS),
        draw(st.sampled_from(Authentication)),
        draw(IDS),
        draw(TEXTS),
        draw(st.none() | TEXTS),
        draw(st.none() | TEXTS),
        draw(st.none() | st.builds(UseDetails, st.none() | TEXTS, st.none() | TEXTS)),
        draw(COUNTS),
        draw(COUNTS),
        draw(st.sampled_from([None, MOMENT, 0])),
    )


def use(**changes: object) -> KeyUsed:
    said = {"key_id": b"k" * 16, "service": "payments", "caller": "web"} | changes
    return KeyUsed(MOMENT, MOMENT, b"o" * 16, b"a" * 16, Authentication.KEY, **said)  # type: ignore[arg-type]


@given(st.lists(uses(), min_size=1, max_size=3))
def test_they_tell_what_they_tell_when_decoded(told: list[KeyUsed]) -> None:
    states = [encode(each) for each in told]

    found = plain_uses(states, ())

    decoded = decode_uses(list(enumerate(states, 1)))
    if found is None:
        assert any(
            (each.count, each.last_at) != (1, None)
            or each.error_count not in (0, 1)
            or min(each.occurred_at, each.recorded_at) < 2**32
            for each in decoded
        )
        return
    assert list(found.moments) == [each.occurred_at for each in decoded]
    assert found.keys == [each.key_id for each in decoded]
    assert found.errors == [each.error_count for each in decoded]
    for tail, each in zip(found.tails, decoded, strict=True):
        said = decode_tail(tail)
        assert (each.count, each.last_at) == (1, None)
        assert (said.key_id, said.service, said.caller) == (each.key_id, each.service, each.caller)
        assert said.origin == each.origin


@pytest.mark.parametrize(
    "other",
    [
        encode(use(count=2)),
        encode(use(count=257)),
        encode(use(count=2, error_count=2)),
        encode(use(last_at=MOMENT)),
        encode(use())[:-1],
        encode(use())[:60],
        encode(use())[:5],
        encode(use()) + b"\x00",
        b"",
    ],
    ids=["two", "257", "two-errors", "coalesced", "short", "shorter", "head", "long", "empty"],
)
def test_one_that_is_not_plain_leaves_all_to_decoding(other: bytes) -> None:
    assert plain_uses([encode(use()), encode(use(error_count=1))], ()) is not None
    assert plain_uses([encode(use()), other], ()) is None


def test_what_is_known_is_not_decoded_again() -> None:
    state = encode(use())
    (tail,) = (plain_uses([state], ()) or pytest.fail("it is plain")).tails

    again = plain_uses([state, state], {tail})

    assert again is not None
    assert (again.moments, again.tails, again.new) == ([MOMENT] * 2, [tail] * 2, [])


@given(uses(), st.integers(2**32, 2**63))
def test_the_state_of_another_moment_has_the_same_tail(told: KeyUsed, at: int) -> None:
    state = encode(told)
    if plain_uses([state], ()) is None:
        return

    moved = msgspec.structs.replace(told, occurred_at=at, recorded_at=at + 1)

    assert plain_state(at, at + 1, tail_of(state)) == encode(moved)
