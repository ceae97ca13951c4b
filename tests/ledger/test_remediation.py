from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger.audit_events import KeyWarned, RemediationStep, RemediationStepped
from ledger.errors import Conflict, NotAllowed, Refused, WrongState
from ledger.events import Event, KeyDisabled, KeyRevoked, KeyState, MemberDetails, Role
from ledger.ids import hashed_id
from ledger.key_terms import CreatedKey, KeyChanges
from ledger.recorded import event_at
from ledger.remediation import PlanFile, Remediation, Taken, steps_taken
from tests.office import HOUR, START, Office

PLAN = PlanFile(hashed_id("plan"), bytes(range(32)))
RULES = ("unused-key", "rotation-unfinished")
WARN, DISABLE, REVOKE = RemediationStep


def take(office: Office, key: CreatedKey, step: RemediationStep, version: int = 1, earlier: int = 0) -> Taken:
    credential = office.ledger.find_key(office.org, key.id.hex())
    remediation = Remediation(office.ledger, office.org, office.ada, PLAN)
    return remediation.take(credential, step, RULES, version=version, earlier=earlier)


def taken(office: Office, key: CreatedKey, plan: PlanFile = PLAN) -> list[Taken]:
    return steps_taken(office.ledger, office.org, plan.id, key.id)


def events_after(office: Office, position: int) -> list[Event]:
    last = office.ledger.recorder.max_notification_id() or 0
    return [event_at(office.database, office.id, each).event for each in range(position + 1, last + 1)]


def position(office: Office) -> int:
    return office.ledger.recorder.max_notification_id() or 0


def state(office: Office, key: CreatedKey) -> KeyState:
    return office.ledger.find_key(office.org, key.id.hex()).state


def test_a_warning_changes_nothing_of_the_key_and_is_recorded_for_each_rule(office: Office) -> None:
    key = office.key()
    before = position(office)

    take(office, key, WARN)

    *warned, record = events_after(office, before)
    assert [event.rule for event in warned if isinstance(event, KeyWarned)] == list(RULES)
    assert isinstance(record, RemediationStepped)
    assert (record.step, record.plan_id, record.plan_sha256) == (WARN, PLAN.id, PLAN.sha256)
    assert (record.key_id, record.rules) == (key.id, RULES)
    assert state(office, key) is KeyState.ACTIVE


@pytest.mark.parametrize(
    ("step", "kind", "then"),
    [(DISABLE, KeyDisabled, KeyState.DISABLED), (REVOKE, KeyRevoked, KeyState.REVOKED)],
)
def test_what_a_step_does_and_its_record_are_one(
    office: Office, step: RemediationStep, kind: type[KeyDisabled | KeyRevoked], then: KeyState
) -> None:
    key = office.key()
    before = position(office)

    take(office, key, step)

    done, record = events_after(office, before)
    assert isinstance(done, kind)
    assert done.reason is not None
    assert done.reason.endswith("unused-key, rotation-unfinished")
    assert isinstance(record, RemediationStepped)
    assert state(office, key) is then


def test_the_steps_of_a_plan_are_told_in_order_with_their_moments(office: Office) -> None:
    key, other = office.key("billing"), office.key("deploy")
    take(office, key, WARN)
    office.now += HOUR

    take(office, key, DISABLE, earlier=1)

    assert taken(office, key) == [Taken(WARN, START), Taken(DISABLE, START + HOUR)]
    assert taken(office, other) == []
    assert taken(office, key, PlanFile(hashed_id("another"), PLAN.sha256)) == []


def test_a_step_is_taken_once(office: Office) -> None:
    key = office.key()
    take(office, key, WARN)
    before = position(office)

    with pytest.raises(Conflict):
        take(office, key, WARN)

    assert events_after(office, before) == []


def test_of_a_key_that_was_changed_no_step_is_taken(office: Office) -> None:
    key = office.key()
    credential = office.ledger.find_key(office.org, key.id.hex())
    office.ledger.change_key(office.org, office.ada, credential, KeyChanges(name="another"))
    before = position(office)

    for step in RemediationStep:
        with pytest.raises(WrongState, match="version 2, not 1"):
            take(office, key, step)

    assert events_after(office, before) == []


def test_what_is_revoked_is_not_warned_of(office: Office) -> None:
    key = office.key()
    office.ledger.revoke_key(office.org, office.ada, office.ledger.find_key(office.org, key.id.hex()))

    with pytest.raises(WrongState, match="nothing to warn of"):
        take(office, key, WARN, version=2)


def test_who_may_only_read_takes_no_step(office: Office) -> None:
    key = office.key()
    office.ledger.add_member(office.org, office.ada, MemberDetails("bob@example.com"), Role.MEMBER)
    bob = office.org.claimed_actor("bob@example.com")
    credential = office.ledger.find_key(office.org, key.id.hex())

    with pytest.raises(NotAllowed):
        Remediation(office.ledger, office.org, bob, PLAN).take(credential, WARN, RULES, version=1, earlier=0)


@pytest.mark.parametrize("step", RemediationStep)
def test_of_several_who_take_a_step_at_once_one_does(office: Office, step: RemediationStep) -> None:
    key = office.key()

    def attempt(_number: int) -> bool:
        try:
            take(office, key, step)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(attempt, range(8))) == 1

    assert [each.step for each in taken(office, key)] == [step]
