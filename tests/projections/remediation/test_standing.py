"""A plan for one idle key, judged at a later moment: what is due, what waits, and what has changed."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from ledger.audit_events import RemediationStep
from ledger.events import DenialReason, KeyState
from ledger.remediation import Taken
from projections.audit.policy import Policy
from projections.callers import Caller
from projections.key_record import Denial, KeyRecord
from projections.marks import Marks, Waiver
from projections.remediation.plan import PlannedKey, Stage
from projections.remediation.standing import Changed, Done, Due, Judge, Known, Verdict, Waits, stages_left
from tests.projections.audit.records import DAY, HOUR, NOW, SECOND, minted, unused_since
from tests.projections.remediation.planned import plan_for

WARN, DISABLE, REVOKE = RemediationStep
IDLE = unused_since(NOW - 50 * DAY)
LISTED = Caller("pay", "cron", 2, NOW - 20 * DAY)
PLAN = plan_for(IDLE, callers={IDLE.id: [LISTED]}, version=3)
WARNED = Taken(WARN, NOW + DAY)
DISABLED = Taken(DISABLE, NOW + 15 * DAY)
REVOKED = Taken(REVOKE, NOW + 45 * DAY)
FIRST = Stage(WARN)
SECOND_STAGE = Stage(DISABLE, timedelta(days=14))
THIRD = Stage(REVOKE, timedelta(days=30))


class Now(msgspec.Struct, frozen=True):
    """What is known of the key at a moment."""

    at: int = NOW + 100 * DAY
    record: KeyRecord | None = IDLE
    version: int = 3
    callers: tuple[Caller, ...] = (LISTED,)


def verdict(now: Now, taken: Sequence[Taken] = (), steps: tuple[str, ...] | None = None) -> Verdict:
    key: PlannedKey = PLAN.key[0] if steps is None else replace(PLAN.key[0], steps=steps)
    records = {} if now.record is None else {now.record.id: now.record}
    known = Known(records, {IDLE.id: now.version}, {IDLE.id: now.callers}, now.at)
    return Judge(replace(PLAN, key=(key,)), Policy(), known).verdict(key, taken)


def disabled(**changes: object) -> KeyRecord:
    state = {"state": KeyState.DISABLED, "disabled_at": DISABLED.at}
    return replace(IDLE, **(state | changes))


@pytest.mark.parametrize(
    ("at", "taken", "expected"),
    [
        (NOW, (), Due(FIRST)),
        (NOW + 300 * DAY, (), Due(FIRST)),
        # a clock that is behind that of whoever made the plan
        (NOW - SECOND, (), Waits(FIRST, NOW)),
        # to the microsecond
        (NOW + 15 * DAY - 1, (WARNED,), Waits(SECOND_STAGE, NOW + 15 * DAY)),
        (NOW + 15 * DAY, (WARNED,), Due(SECOND_STAGE)),
    ],
)
def test_a_step_is_due_so_long_after_the_record_of_the_one_before(
    at: int, taken: tuple[Taken, ...], expected: Verdict
) -> None:
    assert verdict(Now(at), taken) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [(NOW + 45 * DAY - 1, Waits(THIRD, NOW + 45 * DAY)), (NOW + 45 * DAY, Due(THIRD))],
)
def test_that_the_plan_disabled_the_key_is_no_change_to_the_plan(at: int, expected: Verdict) -> None:
    assert verdict(Now(at, disabled(), version=4), (WARNED, DISABLED)) == expected


def test_what_comes_of_a_plan_that_is_through_is_nobodys_business() -> None:
    over = Now(record=None, version=99, callers=(Caller("x", "y", 1, NOW + 90 * DAY),))

    assert verdict(over, (WARNED, DISABLED, REVOKED)) == Done()


def accepted(**changes: object) -> KeyRecord:
    waiver = Waiver("unused-key", "spare", "ops", NOW, NOW + 200 * DAY, 50)
    return replace(IDLE, marks=Marks(waivers=(waiver,)), **changes)


STRANGER = Caller("pay", "web", 1, NOW + 2 * DAY)
REFUSED = Denial(DenialReason.DISABLED, "pay", "web", 3, NOW + 16 * DAY, NOW + 17 * DAY, 60)
REFUSED_CRON = replace(REFUSED, caller="cron")


@pytest.mark.parametrize(
    ("now", "taken", "reason"),
    [
        (Now(version=4), (), "it has version 4, not 3"),
        (Now(version=3), (WARNED, DISABLED), "it has version 3, not 4"),
        (Now(record=None), (), "no key of this id"),
        (Now(record=replace(IDLE, source="aws")), (), "no key of this id"),
        (Now(callers=(LISTED, STRANGER)), (), "presented by web (pay), last at 2026-01-03"),
        (Now(callers=(replace(LISTED, service="api"),)), (), "presented by cron (api)"),
        (Now(callers=(replace(LISTED, caller=None),)), (WARNED,), "presented by an unknown caller (pay)"),
        (Now(record=accepted()), (WARNED,), "unused-key is waived"),
        (Now(record=replace(IDLE, last_used_at=NOW + 99 * DAY)), (WARNED,), "unused-key does not hold"),
        (Now(record=disabled(denials=(REFUSED,)), version=4), (WARNED, DISABLED), "presented by web (pay)"),
        (Now(record=accepted(state=KeyState.DISABLED), version=4), (WARNED, DISABLED), "is waived"),
        (
            Now(record=disabled(last_used_at=NOW + 99 * DAY), version=4),
            (WARNED, DISABLED),
            "unused-key does not hold any more",
        ),
    ],
)
def test_what_was_not_reviewed_is_refused(now: Now, taken: tuple[Taken, ...], reason: str) -> None:
    found = verdict(now, taken)

    assert isinstance(found, Changed)
    assert reason in found.reason


def test_a_caller_that_the_plan_lists_may_call_again_and_be_refused() -> None:
    again = replace(LISTED, last_at=NOW + 3 * DAY, count=9)

    assert verdict(Now(callers=(again,)), (WARNED,)) == Due(SECOND_STAGE)
    assert verdict(Now(record=disabled(denials=(REFUSED_CRON,)), version=4), (WARNED, DISABLED)) == Due(THIRD)


def test_of_many_strangers_the_latest_are_named() -> None:
    strangers = tuple(Caller("pay", f"web-{number}", 1, NOW + number * HOUR) for number in range(5))

    found = verdict(Now(callers=strangers))

    assert isinstance(found, Changed)
    assert "web-4 (pay), web-3 (pay), web-2 (pay) and 2 more, last at 2026-01-01T04:00:00Z" in found.reason


def test_all_findings_must_hold_still() -> None:
    policy = Policy()
    both = minted(
        **{
            name: getattr(IDLE, name)
            for name in ("created_at", "known_since", "last_used_at", "first_used_at", "uses")
        },
        rotated_at=NOW - 60 * DAY,
        overlap_ends_at=NOW - 40 * DAY,
        successor_id=bytes(16),
        rotated_position=3,
    )
    plan = plan_for(replace(both, overlap_ends_at=NOW + DAY))
    assert plan.key[0].rules == ("rotation-unfinished", "unused-key")
    known = Known({both.id: both}, {both.id: 1}, {}, NOW)

    found = Judge(plan, policy, known).verdict(plan.key[0], ())

    # its overlap is over, so that it is not live and cannot be unused
    assert found == Changed("unused-key does not hold any more")


@pytest.mark.parametrize(
    ("steps", "taken", "expected"),
    [
        (("warn", "disable", "revoke"), (), [WARN, DISABLE, REVOKE]),
        (("warn", "disable", "revoke"), (WARNED,), [DISABLE, REVOKE]),
        (("warn", "revoke"), (WARNED, DISABLED), [REVOKE]),
        # a warning that was put in too late
        (("warn", "disable", "revoke"), (DISABLED,), [REVOKE]),
        (("warn", "disable"), (WARNED, DISABLED), []),
    ],
)
def test_an_edited_plan_goes_on_from_what_was_done(
    steps: tuple[str, ...], taken: tuple[Taken, ...], expected: list[RemediationStep]
) -> None:
    left = stages_left(replace(PLAN.key[0], steps=steps), taken)

    assert [stage.step for stage in left] == expected
