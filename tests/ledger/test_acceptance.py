"""What a use says again is checked and encoded once: it must be stored as if each had been."""

import os
import tracemalloc
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.acceptance import Acceptance, Tails
from ledger.actor import Actor, Stamp
from ledger.encoding import decode
from ledger.errors import InvalidInput
from ledger.events import Authentication, KeyUsed, Role
from ledger.ids import RandomBytes
from ledger.secret import new_secret
from ledger.usage import MAX_TEXT, Use

NOW = 1_767_225_600_000_000
KEY = b"k" * 16
USE = Use(KEY, "payments", NOW, "id-1", "web", "gateway", "192.0.2.1", "curl")


def acceptance(
    tails: Tails, actor_id: bytes = b"a" * 16, random_bytes: RandomBytes = os.urandom
) -> Acceptance:
    actor = Actor(actor_id, Authentication.CLAIMED, Role.ADMIN, "ada")
    return Acceptance(Stamp(b"o" * 16, actor, NOW), random_bytes, tails)


def stored(use: Use, tails: Tails, actor_id: bytes = b"a" * 16) -> KeyUsed:
    event = decode(KeyUsed.topic, acceptance(tails, actor_id).state(use, KEY))
    assert isinstance(event, KeyUsed)
    return event


TEXTS = st.none() | st.sampled_from(["web", "api", "192.0.2.1"])


USES = st.lists(
    st.builds(
        Use,
        key=st.just(KEY),
        service=st.sampled_from(["payments", "orders"]),
        occurred_at=st.sampled_from([NOW, NOW - 1, 2**32, 2**32 - 1, 0]),
        caller=TEXTS,
        reporter=TEXTS,
        source_ip=TEXTS,
        user_agent=TEXTS,
        count=st.sampled_from([1, 2]),
        error_count=st.sampled_from([0, 1]),
        last_at=st.sampled_from([None, NOW]),
    ),
    max_size=8,
)


@given(USES)
def test_a_use_is_stored_the_same_after_others_that_say_the_same(uses: list[Use]) -> None:
    tails: Tails = {}

    assert [stored(use, tails) for use in uses] == [stored(use, {}) for use in uses]


@given(USES, st.lists(st.sampled_from([None, "id-1", "id-2"]), min_size=8, max_size=8), st.booleans())
def test_many_uses_become_the_rows_that_each_becomes(
    uses: list[Use], given_ids: list[str | None], all_named: bool
) -> None:
    ids = ["id-3" if all_named else given_id for given_id in given_ids]
    told = [msgspec.structs.replace(use, given_id=given_id) for use, given_id in zip(uses, ids, strict=False)]
    by_columns, one_by_one = (acceptance({}, random_bytes=Random(1).randbytes) for _ in range(2))

    assert by_columns.rows(told, [KEY] * len(told)) == [one_by_one.row(use, KEY) for use in told]


def test_what_one_actor_told_is_not_told_by_another() -> None:
    tails: Tails = {}

    assert [stored(USE, tails, who).actor_id for who in (b"a" * 16, b"b" * 16)] == [b"a" * 16, b"b" * 16]


def test_a_truth_value_does_not_stand_for_a_number_later() -> None:
    tails: Tails = {}
    acceptance(tails).state(msgspec.structs.replace(USE, error_count=True), KEY)

    assert stored(msgspec.structs.replace(USE, error_count=1), tails).error_count == 1


@pytest.mark.parametrize(
    "wrong",
    ["\0", new_secret("kl", os.urandom).reveal(), "x" * (MAX_TEXT + 1)],
    # No value in the name: a secret would be printed, and differ between the workers of pytest.
    ids=["a control character", "a secret", "too long"],
)
def test_an_id_is_checked_though_all_else_was_said_before(wrong: str) -> None:
    tails: Tails = {}
    stored(USE, tails)

    with pytest.raises(InvalidInput):
        acceptance(tails).state(msgspec.structs.replace(USE, given_id=wrong), KEY)


def test_a_use_ahead_of_the_clock_is_refused_though_all_else_was_said_before() -> None:
    tails: Tails = {}
    stored(USE, tails)

    with pytest.raises(InvalidInput, match="in the future"):
        acceptance(tails).state(msgspec.structs.replace(USE, occurred_at=NOW + 3_600_000_000), KEY)


def test_what_is_long_is_not_remembered() -> None:
    tails: Tails = {}
    at_work = acceptance(tails)
    tracemalloc.start()
    for number in range(300):
        long = f"\N{GRINNING FACE}{number}" * 60
        at_work.state(msgspec.structs.replace(USE, service=long, user_agent=long), KEY)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 100_000
