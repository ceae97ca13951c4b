from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest

from ledger.events import DenialReason, KeyState
from ledger.ids import hashed_id
from projections.audit.override import Override
from projections.audit.policy import Policy
from projections.callers import Caller
from projections.key_record import CallerUse, Denial, KeyRecord
from projections.rotations import OldCaller, Rotation, looked_at_since, open_rotations, reasons_to_wait
from tests.projections.audit.records import DAY, HOUR, NOW, SECOND, minted

QUIET = timedelta(hours=24)
ROTATED = NOW - 3 * DAY
NEW_ID = hashed_id("successor")


def used(caller: str | None, at: int, service: str = "deploy") -> CallerUse:
    return CallerUse(service, caller, 5, 0, at - DAY, at, 2, 9)


def old(*uses: CallerUse, **changes: object) -> KeyRecord:
    rotated = {"rotated_at": ROTATED, "successor_id": NEW_ID, "overlap_ends_at": NOW + DAY}
    return minted(name="billing", uses=uses, **rotated | changes)


def new(*uses: CallerUse, **changes: object) -> KeyRecord:
    return msgspec.structs.replace(minted(name="billing", uses=uses, **changes), id=NEW_ID)


@pytest.mark.parametrize(
    ("of_old", "of_new", "expected"),
    [
        # nobody ever used it
        ((), (), []),
        # everybody has moved, and the old key has been silent to the second
        ((used("web", NOW - DAY),), (used("web", NOW - HOUR),), []),
        ((used("web", NOW - DAY + SECOND),), (used("web", NOW - HOUR),), ["used within 1d by web (deploy)"]),
        # used before the rotation only, and not seen since anywhere
        ((used("web", ROTATED - DAY),), (), ["not seen with the successor: web (deploy)"]),
        # the same caller of another service has not moved
        (
            (used("web", NOW - 2 * DAY, "pay"), used("web", NOW - 2 * DAY)),
            (used("web", NOW - HOUR),),
            ["not seen with the successor: web (pay)"],
        ),
        # who was silent for the policy's `unused_for` already is not waited for
        ((used("web", NOW - 46 * DAY),), (), []),
        ((used(None, NOW - HOUR),), (), ["used within 1d by an unknown caller", "not seen with"]),
    ],
)
def test_an_old_key_can_end_when_nobody_would_notice(
    of_old: Sequence[CallerUse], of_new: Sequence[CallerUse], expected: list[str]
) -> None:
    rotation = Rotation(old(*of_old), new(*of_new), NOW)

    reasons = reasons_to_wait(rotation, QUIET, Policy())

    assert len(reasons) == len(expected)
    assert all(reason.startswith(beginning) for reason, beginning in zip(reasons, expected, strict=True))


@pytest.mark.parametrize("state", [KeyState.DISABLED, KeyState.REVOKED])
def test_without_a_working_successor_nothing_is_safe(state: KeyState) -> None:
    reasons = reasons_to_wait(Rotation(old(), new(state=state), NOW), QUIET, Policy())

    assert [reason for reason in reasons if "successor is not active" in reason]


@pytest.mark.parametrize(
    ("changes", "is_safe"),
    [
        ({"expires_at": NOW + 1}, True),
        ({"expires_at": NOW}, False),
        ({"rotated_at": NOW - DAY, "successor_id": bytes(16), "overlap_ends_at": NOW}, False),
    ],
    ids=["works", "expired", "rotated-away"],
)
def test_a_successor_that_is_over_is_none(changes: dict[str, object], is_safe: bool) -> None:
    reasons = reasons_to_wait(Rotation(old(), new(**changes), NOW), QUIET, Policy())

    assert (reasons == []) is is_safe


def test_what_a_policy_says_of_some_keys_holds_for_their_rotations() -> None:
    deaf = Policy(overrides=(Override(name="bill*", thresholds={"assume_coverage": False}),))
    other = Policy(overrides=(Override(name="deploy", thresholds={"assume_coverage": False}),))
    rotation = Rotation(old(), new(), NOW)

    assert reasons_to_wait(rotation, QUIET, deaf) == [
        "no reporter vouches that it tells the uses of this key"
    ]
    assert reasons_to_wait(rotation, QUIET, other) == []


def test_where_uses_are_not_told_nothing_is_safe() -> None:
    reasons = reasons_to_wait(Rotation(old(), new(), NOW), QUIET, Policy(assume_coverage=False))

    assert reasons == ["no reporter vouches that it tells the uses of this key"]


def test_rotations_are_open_until_the_old_key_is_revoked() -> None:
    over = msgspec.structs.replace(old(state=KeyState.REVOKED), id=hashed_id("over"))

    callers = [Caller("deploy", "web", 5, NOW)]

    (rotation,) = open_rotations([old(), new(), over, minted()], {old().id: callers}, NOW)

    assert (rotation.old, rotation.successor, rotation.callers) == (old(), new(), callers)


def test_who_still_uses_the_old_key_and_who_has_moved_is_told_apart() -> None:
    before, since, moved = used("cron", ROTATED - 1), used("web", ROTATED), used("api", NOW)
    lately = [Caller("deploy", "web", 12, ROTATED, ("192.0.2.1",))]

    rotation = Rotation(old(before, since), new(moved), NOW, lately)

    assert rotation.still == [OldCaller("deploy", "web", ROTATED, 9, 4.0, ("192.0.2.1",))]
    assert rotation.moved == [moved]


@pytest.mark.parametrize(
    ("rotated_at", "rate"),
    [
        # of less than a day nobody can tell what a day brings
        (NOW - HOUR, 60.0),
        (NOW - DAY, 60.0),
        (NOW - 4 * DAY, 15.0),
        (NOW - 30 * DAY, 2.0),
        (NOW - 300 * DAY, 2.0),
    ],
)
def test_uses_a_day_are_those_since_the_rotation_and_within_thirty_days(rotated_at: int, rate: float) -> None:
    record = old(used("web", NOW), rotated_at=rotated_at)

    rotation = Rotation(record, new(), NOW, [Caller("deploy", "web", 60, NOW)])

    assert (rotation.uses_a_day, rotation.still[0].uses_a_day) == (rate, rate)
    assert looked_at_since(record, NOW) == max(rotated_at, NOW - 30 * DAY)


def test_whom_the_old_key_was_refused_is_told() -> None:
    before, after = (
        Denial(DenialReason.ROTATED, "deploy", "web", 2, at - DAY, at, 9) for at in (ROTATED - 1, ROTATED)
    )

    assert Rotation(old(denials=(before, after)), new(), NOW).refused == [after]


@pytest.mark.parametrize(
    ("last_at", "is_safe"),
    [
        # up to the end of the overlap it was accepted as was meant
        (NOW - HOUR - SECOND, True),
        # somebody accepts it all the same
        (NOW - HOUR, False),
    ],
)
def test_once_the_overlap_is_over_only_who_is_accepted_would_notice(last_at: int, is_safe: bool) -> None:
    record = old(used("web", last_at), overlap_ends_at=NOW - HOUR)

    reasons = reasons_to_wait(Rotation(record, new(), NOW), QUIET, Policy(assume_coverage=False))

    assert (reasons == []) is is_safe
