from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import api_key
from ledger.actor import Actor, Stamp
from ledger.api_key import MAX_NAME, MAX_SCOPES, ApiKey, Owner, denial, evolve
from ledger.errors import InvalidInput, LedgerCorrupt, NotAllowed, WrongState
from ledger.events import (
    Authentication,
    DenialReason,
    Event,
    KeyCreated,
    KeyDisabled,
    KeyEnabled,
    KeyExpiryChanged,
    KeyOwnerChanged,
    KeyRenamed,
    KeyRevoked,
    KeyRotated,
    KeyScopesChanged,
    KeyState,
    OwnerDetails,
    Role,
)
from ledger.moments import MICROSECOND
from tests.golden.samples import BARE
from tests.world import START

ORGANIZATION, ADA, KEY, SUCCESSOR = (bytes([n]) * 16 for n in range(1, 5))
ADMIN = Stamp(ORGANIZATION, Actor(ADA, Authentication.CLAIMED, Role.ADMIN, "ada"), START)
READER = Stamp(ORGANIZATION, Actor(ADA, Authentication.CLAIMED, Role.MEMBER, "ada"), START)
HEADER = ADMIN.header()

DAY = timedelta(days=1) // MICROSECOND
PAST, FUTURE = START - DAY, START + DAY

Decide = Callable[[ApiKey, Stamp], Event]


def key(**changes: object) -> ApiKey:
    created = KeyCreated(*HEADER, "billing", "kl_abcd...wxyz", b"f" * 32, None, scopes=("keys:check",))
    return msgspec.structs.replace(evolve(None, KEY, 1, created), **changes)


ACTIVE = key()
DISABLED = key(state=KeyState.DISABLED)
REVOKED = key(state=KeyState.REVOKED)
EXPIRED = key(expires_at=START)
ROTATING = key(successor_id=SUCCESSOR, overlap_ends_at=FUTURE)
ROTATED = key(successor_id=SUCCESSOR, overlap_ends_at=START)
STATES = {
    "active": ACTIVE,
    "disabled": DISABLED,
    "revoked": REVOKED,
    "expired": EXPIRED,
    "rotating": ROTATING,
    "rotated": ROTATED,
}

DECISIONS: dict[str, Decide] = {
    "rename": lambda key, stamp: api_key.rename(key, "invoices", stamp),
    "owner": lambda _key, stamp: api_key.change_owner(Owner(name="team"), stamp),
    "expiry": lambda key, stamp: api_key.change_expiry(key, FUTURE, stamp),
    "scopes": lambda key, stamp: api_key.change_scopes(key, ["uses:append"], stamp),
    "disable": lambda key, stamp: api_key.disable(key, "why", stamp),
    "enable": api_key.enable,
    "revoke": lambda key, stamp: api_key.revoke(key, "why", stamp),
    "rotate": lambda key, stamp: api_key.rotate(key, SUCCESSOR, DAY, stamp),
}

ALLOWED = {
    "active": {"rename", "owner", "expiry", "scopes", "disable", "revoke", "rotate"},
    "disabled": {"rename", "owner", "expiry", "scopes", "enable", "revoke"},
    "revoked": {"owner"},
    "expired": {"rename", "owner", "expiry", "scopes", "disable", "revoke"},
    "rotating": {"rename", "owner", "expiry", "scopes", "disable", "revoke"},
    "rotated": {"rename", "owner", "expiry", "scopes", "disable", "revoke"},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("decision", DECISIONS)
def test_each_state_allows_exactly_its_decisions(state: str, decision: str) -> None:
    decide = DECISIONS[decision]

    if decision in ALLOWED[state]:
        event = decide(STATES[state], ADMIN)
        assert (event.occurred_at, event.recorded_at, event.actor_id) == (START, START, ADA)
        evolve(STATES[state], KEY, 2, event)
    else:
        with pytest.raises(WrongState, match="'billing'"):
            decide(STATES[state], ADMIN)


@pytest.mark.parametrize("decision", DECISIONS)
def test_only_an_admin_decides(decision: str) -> None:
    with pytest.raises(NotAllowed, match="may only read; ask an admin"):
        DECISIONS[decision](ACTIVE, READER)


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        (KeyRenamed(*HEADER, "invoices"), {"name": "invoices"}),
        (KeyOwnerChanged(*HEADER, ADA, None), {"owner_id": ADA, "owner": None}),
        (KeyOwnerChanged(*HEADER, None, OwnerDetails("team")), {"owner_id": None, "owner": "team"}),
        (KeyExpiryChanged(*HEADER, FUTURE), {"expires_at": FUTURE}),
        (KeyScopesChanged(*HEADER, ("a", "b")), {"scopes": ("a", "b")}),
        (KeyDisabled(*HEADER), {"state": KeyState.DISABLED}),
        (KeyEnabled(*HEADER), {"state": KeyState.ACTIVE}),
        (KeyRotated(*HEADER, SUCCESSOR, FUTURE), {"successor_id": SUCCESSOR, "overlap_ends_at": FUTURE}),
        (KeyRevoked(*HEADER), {"state": KeyState.REVOKED}),
    ],
    ids=lambda value: value.topic if isinstance(value, Event) else None,
)
@pytest.mark.parametrize("state", STATES)
def test_every_event_changes_what_it_says_and_nothing_else(
    state: str, event: Event, changes: dict[str, object]
) -> None:
    after = evolve(STATES[state], KEY, 9, event)

    assert after == msgspec.structs.replace(STATES[state], version=9, **changes)


def test_a_creation_tells_all_of_a_new_key() -> None:
    event = KeyCreated(
        *HEADER, "billing", "kl_abcd...wxyz", b"f" * 32, "p1", ADA, OwnerDetails("team"), FUTURE, ("a",)
    )

    assert evolve(None, KEY, 1, event) == ApiKey(
        id=KEY,
        version=1,
        name="billing",
        state=KeyState.ACTIVE,
        owner_id=ADA,
        owner="team",
        expires_at=FUTURE,
        scopes=("a",),
        masked="kl_abcd...wxyz",
        fingerprint=b"f" * 32,
        pepper_id="p1",
        changed_at=START,
        created_at=START,
    )


def test_a_stream_that_begins_otherwise_or_holds_something_else_is_corrupt() -> None:
    with pytest.raises(LedgerCorrupt, match="does not begin with its creation"):
        evolve(None, KEY, 1, KeyEnabled(*HEADER))
    with pytest.raises(LedgerCorrupt, match="no event of a key's life"):
        evolve(ACTIVE, KEY, 2, BARE[0])


@pytest.mark.parametrize(
    ("state", "expires_at", "overlap_ends_at", "reason"),
    [
        (KeyState.ACTIVE, None, None, None),
        (KeyState.ACTIVE, START + 1, None, None),
        (KeyState.ACTIVE, START, None, DenialReason.EXPIRED),
        (KeyState.ACTIVE, START - 1, None, DenialReason.EXPIRED),
        (KeyState.ACTIVE, None, START + 1, None),
        (KeyState.ACTIVE, None, START, DenialReason.ROTATED),
        (KeyState.ACTIVE, START, START, DenialReason.EXPIRED),
        (KeyState.DISABLED, None, None, DenialReason.DISABLED),
        (KeyState.DISABLED, PAST, PAST, DenialReason.DISABLED),
        (KeyState.REVOKED, None, None, DenialReason.REVOKED),
        (KeyState.REVOKED, PAST, PAST, DenialReason.REVOKED),
    ],
)
def test_a_key_is_refused_from_the_very_moment_of_its_end(
    state: KeyState, expires_at: int | None, overlap_ends_at: int | None, reason: DenialReason | None
) -> None:
    assert denial(state, expires_at, overlap_ends_at, START) is reason


@given(st.integers(0, 365 * DAY), st.none() | st.integers(START + 1, START + 365 * DAY))
def test_an_overlap_ends_when_it_is_over_or_the_key_expires(overlap_us: int, expires_at: int | None) -> None:
    event = api_key.rotate(key(expires_at=expires_at), SUCCESSOR, overlap_us, ADMIN)

    ends = [START + overlap_us] + ([] if expires_at is None else [expires_at])
    assert event.overlap_ends_at == min(ends)


@pytest.mark.parametrize(
    ("given_name", "name"), [("a", "a"), (" a b ", "a b"), ("é" * MAX_NAME, "é" * MAX_NAME)]
)
def test_a_name_is_kept_without_surrounding_blanks(given_name: str, name: str) -> None:
    assert api_key.validate_name(given_name) == name


@pytest.mark.parametrize(
    "name", ["", "  ", "a" * (MAX_NAME + 1), "a\nb", "a\x1b[31m", "a\u202eb", "\udc80", "a\0"]
)
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        api_key.validate_name(name)


@pytest.mark.parametrize(
    ("said", "kept"), [(None, None), ("", None), ("  ", None), (" leaked ", "leaked"), ("é" * 512, "é" * 512)]
)
def test_a_reason_is_kept_where_there_is_one(said: str | None, kept: str | None) -> None:
    assert api_key.revoke(ACTIVE, said, ADMIN).reason == kept
    assert api_key.disable(ACTIVE, said, ADMIN).reason == kept


@pytest.mark.parametrize("reason", ["two\nlines", "\x1b[2J", "\udc80", "x" * 513])
def test_a_reason_that_cannot_be_shown_in_one_line_is_refused(reason: str) -> None:
    with pytest.raises(InvalidInput, match="one line"):
        api_key.revoke(ACTIVE, reason, ADMIN)
    with pytest.raises(InvalidInput, match="one line"):
        api_key.disable(ACTIVE, reason, ADMIN)


def test_scopes_are_sorted_and_kept_once() -> None:
    assert api_key.validate_scopes(["uses:append", "keys:check", "uses:append"]) == (
        "keys:check",
        "uses:append",
    )


@pytest.mark.parametrize("scope", ["", "Keys", "keys check", "keys:", ":keys", "keys::check", "k\n", "ké"])
def test_a_scope_that_is_not_words_with_signs_between_them_is_refused(scope: str) -> None:
    with pytest.raises(InvalidInput, match="is not a scope"):
        api_key.validate_scopes([scope])


def test_there_is_a_bound_on_the_number_of_scopes() -> None:
    scopes = [f"s{number}" for number in range(MAX_SCOPES + 1)]

    assert len(api_key.validate_scopes(scopes[:-1])) == MAX_SCOPES
    with pytest.raises(InvalidInput, match="33 scopes"):
        api_key.validate_scopes(scopes)


@pytest.mark.parametrize("expires_at", [START, PAST, 0])
def test_an_expiry_that_is_not_in_the_future_is_refused(expires_at: int) -> None:
    with pytest.raises(InvalidInput, match="is not in the future"):
        api_key.change_expiry(ACTIVE, expires_at, ADMIN)


def test_an_expiry_may_be_taken_away() -> None:
    assert api_key.change_expiry(key(expires_at=FUTURE), None, ADMIN).expires_at is None
