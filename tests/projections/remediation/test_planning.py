from datetime import timedelta

import msgspec
import pytest

from ledger.events import DenialReason, KeyState
from ledger.ids import format_id, hashed_id
from projections.audit.findings import finding_id
from projections.audit.override import Override
from projections.audit.policy import Policy
from projections.audit.report import AuditScope, audit
from projections.audit.rule_setting import RuleSetting
from projections.audit.severity import Severity
from projections.callers import Caller
from projections.key_record import Denial, KeyRecord
from projections.marks import Marks, Waiver
from projections.remediation.plan import PlannedCaller
from projections.remediation.planning import Impact, concerned, make_plan
from tests.projections.audit.records import DAY, HOUR, NOW, aws, leaked, minted, unused_since
from tests.projections.remediation.planned import plan_for

IDLE_AWS = aws(created_at=NOW - 60 * DAY, last_used_at=NOW - 50 * DAY)
UNUSED = unused_since(NOW - 50 * DAY)
COURSE = ("warn", "disable after 14d", "revoke after 30d")


def critical(rule: str) -> Policy:
    return Policy(rules={rule: RuleSetting(severity=Severity.CRITICAL)})


def test_a_plan_says_why_a_key_is_to_end_and_which_it_was() -> None:
    plan = plan_for(UNUSED, version=7)

    (key,) = plan.key
    assert (key.id, key.name, key.owner, key.version) == (
        format_id(UNUSED.id),
        UNUSED.name,
        "ada@example.com",
        7,
    )
    assert [(each.id, each.rule, each.remedy) for each in key.findings] == [
        (finding_id("unused-key", UNUSED.id), "unused-key", None)
    ]
    assert (plan.made_at, plan.position, plan.by_hand) == ("2026-01-01T00:00:00Z", 42, ())


@pytest.mark.parametrize(
    ("record", "policy", "steps"),
    [
        (UNUSED, Policy(), COURSE),
        (
            UNUSED,
            Policy(warn_for=timedelta(days=3), disable_for=timedelta(hours=36)),
            ("warn", "disable after 3d", "revoke after 1d12h"),
        ),
        (UNUSED, Policy(warn_for=timedelta(), disable_for=timedelta()), ("warn", "disable", "revoke")),
        # for some keys the policy waits longer
        (
            UNUSED,
            Policy(overrides=(Override(name="git*", thresholds={"warn_for": timedelta(days=60)}),)),
            ("warn", "disable after 60d", "revoke after 30d"),
        ),
        # what is critical cannot wait for a warning
        (UNUSED, critical("unused-key"), ("disable", "revoke after 30d")),
    ],
)
def test_the_steps_of_a_key_are_those_of_its_policy(
    record: KeyRecord, policy: Policy, steps: tuple[str, ...]
) -> None:
    (key,) = plan_for(record, policy=policy).key

    assert key.steps == steps


def test_a_key_that_is_disabled_already_is_not_disabled_again() -> None:
    report = audit(AuditScope("acme", NOW, 42, "0.1.0"), [UNUSED])
    (key,) = concerned(report)
    disabled = msgspec.structs.replace(key, record=minted(state=KeyState.DISABLED))

    plan = make_plan(report, Policy(), [disabled], Impact({}, {disabled.record.id: 2}))

    assert plan.key[0].steps == ("warn", "revoke after 14d")


def test_a_leaked_key_is_disabled_at_once() -> None:
    (key,) = plan_for(leaked()).key

    assert (key.rules, key.steps) == (("leaked-key",), ("disable", "revoke after 30d"))


def test_what_somebody_accepted_is_no_part_of_a_plan() -> None:
    waiver = Waiver("unused-key", "spare", "ops", NOW - DAY, NOW + DAY, 5)
    over = msgspec.structs.replace(waiver, expires_at=NOW)

    assert plan_for(unused_since(NOW - 50 * DAY, marks=Marks(waivers=(waiver,)))).key == ()
    assert len(plan_for(unused_since(NOW - 50 * DAY, marks=Marks(waivers=(over,)))).key) == 1


def test_of_a_key_minted_elsewhere_the_plan_has_the_command_to_type() -> None:
    record = IDLE_AWS

    plan = plan_for(record)

    (by_hand,) = plan.by_hand
    assert plan.key == ()
    assert (by_hand.source, by_hand.external_id) == ("aws", "AKIAIOSFODNN7EXAMPLE")
    assert [finding.remedy for finding in by_hand.findings] == [
        "aws iam update-access-key --user-name kaleb --access-key-id AKIAIOSFODNN7EXAMPLE --status Inactive"
    ]


def test_what_does_not_ask_for_an_end_is_to_be_done_by_hand() -> None:
    aged = minted(created_at=NOW - 100 * DAY)

    plan = plan_for(aged)

    (by_hand,) = plan.by_hand
    assert plan.key == ()
    assert [finding.rule for finding in by_hand.findings] == ["aged-key"]
    assert by_hand.findings[0].remedy == f"keyledger key rotate {format_id(aged.id)}"


def test_an_aged_key_that_has_a_successor_is_to_end() -> None:
    aged = minted(created_at=NOW - 100 * DAY, successor_id=hashed_id("successor"))

    (key,) = plan_for(aged).key

    assert key.rules == ("aged-key",)


def test_a_key_stands_in_both_parts_where_its_findings_differ() -> None:
    plan = plan_for(unused_since(NOW - 100 * DAY, created_at=NOW - 200 * DAY))

    assert plan.key[0].rules == ("unused-key",)
    assert [finding.rule for finding in plan.by_hand[0].findings] == ["aged-key"]


def test_who_called_within_thirty_days_and_who_was_refused_is_told_the_latest_first() -> None:
    denials = (
        Denial(DenialReason.EXPIRED, "pay", "web", 3, NOW - 2 * DAY, NOW - HOUR, 9),
        Denial(DenialReason.EXPIRED, "pay", "cron", 2, NOW - 2 * DAY, NOW - 30 * DAY, 8),
        Denial(DenialReason.EXPIRED, "pay", "old", 1, NOW - 60 * DAY, NOW - 30 * DAY - 1, 7),
    )
    callers = {
        UNUSED.id: [Caller("pay", "web", 5, NOW - 2 * HOUR, ("192.0.2.1",)), Caller("api", None, 1, NOW)]
    }

    (key,) = plan_for(msgspec.structs.replace(UNUSED, denials=denials), callers=callers).key

    assert key.callers == (
        PlannedCaller(service="api", uses=1, last_at="2026-01-01T00:00:00Z"),
        PlannedCaller(
            service="pay",
            caller="web",
            uses=5,
            refused=3,
            last_at="2025-12-31T23:00:00Z",
            addresses=("192.0.2.1",),
        ),
        PlannedCaller(service="pay", caller="cron", uses=0, refused=2, last_at="2025-12-02T00:00:00Z"),
    )


def test_the_same_ledger_moment_and_policy_give_the_same_plan() -> None:
    again = plan_for(IDLE_AWS, UNUSED)

    assert plan_for(UNUSED, IDLE_AWS) == again
    assert plan_for(UNUSED).id != again.id
