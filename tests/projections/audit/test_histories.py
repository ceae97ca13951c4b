"""What events make of keys and what the rules then say: whichever came first, each citing what shows it."""

from itertools import permutations

import pytest

from ledger.events import KeyCreated, KeyOwnerChanged, KeyState, MemberDetails, MemberRemoved, Role
from ledger.intake import Item
from ledger.key_terms import KeyChanges, NewKey
from ledger.observation import ExternalKey, Observation, UsageSummary
from ledger.recorded import events_at
from ledger.usage import Use
from projections.audit.policy import Policy
from projections.audit.report import AuditReport, AuditScope, audit
from projections.audit.rule import Verdict
from projections.audit.rules import find_rule
from projections.view import open_view
from tests.office import DAY, HOUR, SECOND, START, Office

KEY = ExternalKey("aws", "AKIAEXAMPLE0000000A1", account="111122223333")
T = START - 10 * DAY
ORDERS = list(permutations(range(3)))


def report(office: Office, as_of: int | None = None, policy: Policy | None = None) -> AuditReport:
    with open_view(office.database, office.id, as_of, now=office.now) as view:
        scope = AuditScope("acme", view.as_of or office.now, view.position, "0", policy or Policy())
        return audit(scope, view.records())


def found(office: Office, rule: str, as_of: int | None = None) -> list[tuple[str, tuple[int, ...]]]:
    """The messages of a rule's findings with the positions that they cite."""
    findings = report(office, as_of).findings
    return [(finding.message, finding.evidence) for finding in findings if finding.rule == rule]


def cited(office: Office, positions: tuple[int, ...]) -> list[str]:
    with office.database.read() as connection:
        found = sorted(events_at(connection, positions), key=lambda each: each.position)
    return [type(each.event).__name__ for each in found]


def used(at: int, key: ExternalKey | bytes = KEY) -> Use:
    return Use(key=key, service="s3", occurred_at=at, caller="cron", given_id=str(at))


def created(at: int) -> Observation:
    return Observation(KEY, at, "cloudtrail", KeyState.ACTIVE, at)


def deleted(at: int) -> Observation:
    return Observation(KEY, at, "cloudtrail", KeyState.REVOKED)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_uses_outside_a_keys_life_are_found_whichever_fact_arrived_first(
    office: Office, order: tuple[int, ...]
) -> None:
    # given a use a microsecond before the creation and one a microsecond after the deletion
    told: list[list[Item]] = [[created(T)], [deleted(T + DAY)], [used(T - 1), used(T + DAY + 1)]]
    for number in order:
        office.record(told[number])

    ((before, shown_before),) = found(office, "used-before-creation")
    ((after, shown_after),) = found(office, "used-after-revocation")

    assert "2025-12-21T23:59:59.999999Z, less than 1s earlier" in before
    assert "2025-12-23T00:00:00.000001Z, less than 1s later" in after
    for shown in (shown_before, shown_after):
        assert sorted(cited(office, shown)) == ["KeyObserved", "KeyUsed"]


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_uses_at_the_very_ends_of_a_keys_life_are_not_found(office: Office, order: tuple[int, ...]) -> None:
    told: list[list[Item]] = [[created(T)], [deleted(T + DAY)], [used(T), used(T + DAY)]]
    for number in order:
        office.record(told[number])

    assert found(office, "used-before-creation") == []
    assert found(office, "used-after-revocation") == []


def test_a_minted_keys_use_before_it_was_made_is_found(office: Office) -> None:
    key = office.key()
    office.record([used(START - SECOND, key.id)])

    ((message, evidence),) = found(office, "used-before-creation")

    assert "1s earlier" in message
    assert cited(office, evidence) == ["KeyCreated", "KeyUsed"]


def test_a_reports_last_use_before_the_creation_is_found_and_that_report_cited(office: Office) -> None:
    summaries: list[Item] = [
        UsageSummary(KEY, at, "iam-credential-report", T - 90 * DAY, at, last_used_at=last)
        for at, last in ((T + DAY, T - HOUR), (T + 2 * DAY, T + DAY))
    ]
    office.record([created(T), *summaries])

    ((_, evidence),) = found(office, "used-before-creation")

    with office.database.read() as connection:
        events = [each.event for each in events_at(connection, evidence)]
    assert [each.last_used_at for each in events if hasattr(each, "last_used_at")] == [T - HOUR]


def test_the_key_of_a_member_who_left_is_found_from_that_moment_on(office: Office) -> None:
    ledger = office.ledger
    ledger.add_member(office.org, office.ada, MemberDetails("bob@example.com"), Role.MEMBER)
    key = ledger.create_key(office.org, office.ada, NewKey("nightly-report"))
    ledger.change_key(
        office.org, office.ada, ledger.find_key(office.org, key.id.hex()), KeyChanges(owner="bob@example.com")
    )
    office.now += DAY
    ledger.remove_member(office.org, office.ada, "bob@example.com")

    ((message, evidence),) = found(office, "departed-owner")

    assert message == "its owner bob@example.com is no longer a member since 2026-01-02T00:00:00Z"
    assert cited(office, evidence) == [KeyOwnerChanged.__name__, MemberRemoved.__name__]
    assert found(office, "departed-owner", as_of=office.now - 1) == []
    assert len(found(office, "departed-owner", as_of=office.now)) == 1


def test_an_owner_by_name_who_was_a_member_by_that_address_has_departed(office: Office) -> None:
    ledger = office.ledger
    ledger.create_key(office.org, office.ada, NewKey("nightly-report", owner="Bob@example.com"))
    ledger.add_member(office.org, office.ada, MemberDetails("bob@example.com"), Role.MEMBER)
    assert found(office, "departed-owner") == []
    ledger.remove_member(office.org, office.ada, "bob@example.com")

    ((_, evidence),) = found(office, "departed-owner")

    assert cited(office, evidence) == [KeyCreated.__name__, MemberRemoved.__name__]


def test_who_comes_back_has_not_departed(office: Office) -> None:
    ledger = office.ledger
    ledger.add_member(office.org, office.ada, MemberDetails("bob@example.com"), Role.MEMBER)
    ledger.create_key(office.org, office.ada, NewKey("nightly-report", owner="bob@example.com"))
    ledger.remove_member(office.org, office.ada, "bob@example.com")
    ledger.add_member(office.org, office.ada, MemberDetails("BOB@example.com"), Role.MEMBER)

    assert found(office, "departed-owner") == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
def test_a_key_of_logs_is_unregistered_until_an_inventory_lists_it(
    office: Office, order: tuple[int, ...]
) -> None:
    told: list[list[Item]] = [
        [used(T), used(T + HOUR)],
        [Observation(KEY, T + DAY, "iam-access-keys", KeyState.ACTIVE, owner="kaleb")],
    ]
    office.record(told[0])
    ((message, evidence),) = found(office, "unregistered-key")
    assert "from logs alone, in no inventory of aws; used by cron (s3)" in message
    assert set(cited(office, evidence)) == {"KeyUsed"}

    for number in order:
        office.record(told[number])

    assert found(office, "unregistered-key") == []


def test_a_slots_report_registers_the_access_key_that_is_in_it(office: Office) -> None:
    slot = ExternalKey("aws", "arn:aws:iam::111122223333:user/bob/1", account="111122223333", generation="x")
    office.record([Observation(KEY, T, "cloudtrail", KeyState.ACTIVE, T, owner="bob"), used(T + HOUR)])
    assert len(found(office, "unregistered-key")) == 1

    office.record([Observation(slot, T + DAY, "iam-credential-report", KeyState.ACTIVE, T, owner="bob")])

    assert found(office, "unregistered-key") == []


@pytest.mark.parametrize(("left", "expected"), [(14 * DAY, 1), (14 * DAY + 1, 0), (1, 1), (0, 0)])
def test_an_expiry_is_near_from_the_very_microsecond(office: Office, left: int, expected: int) -> None:
    office.ledger.create_key(office.org, office.ada, NewKey("nightly-report", expires_at=START + 90 * DAY))

    office.now = START + 90 * DAY - left

    messages = [message for message, _ in found(office, "expiring-soon")]
    assert len(messages) == expected


def test_a_new_expiry_is_what_is_cited(office: Office) -> None:
    ledger = office.ledger
    key = ledger.create_key(office.org, office.ada, NewKey("nightly-report", expires_at=START + 9 * DAY))
    credential = ledger.find_key(office.org, key.id.hex())
    ledger.change_key(office.org, office.ada, credential, KeyChanges(expires_at=START + 8 * DAY))

    ((_, evidence),) = found(office, "expiring-soon")

    assert cited(office, evidence) == ["KeyExpiryChanged"]


def test_a_rule_that_is_off_is_asked_where_it_is_named(office: Office) -> None:
    office.key()
    with open_view(office.database, office.id) as view:
        scope = AuditScope("acme", START, view.position, "0")
        silent = audit(scope, view.records())
        asked = audit(scope, view.records(), rules=(find_rule("no-expiry"),))

    assert "no-expiry" not in silent.summary.by_rule
    assert [finding.message for finding in asked.findings] == ["it never expires"]


def test_a_verdict_cites_each_position_once_in_order() -> None:
    assert Verdict("x", (1, 2)).evidence == (1, 2)
