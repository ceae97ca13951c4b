"""The yearly confirmation: off until somebody wants it, waived like any other finding."""

from datetime import timedelta

import msgspec
import pytest

from projections.audit.findings import FindingStatus
from projections.audit.policy import Policy
from projections.audit.report import AuditReport, AuditScope, audit
from projections.audit.rule_setting import RuleSetting
from projections.audit.rules import find_rule
from projections.key_record import KeyRecord
from projections.marks import Waiver
from projections.policies import load_pack
from tests.projections.audit.records import DAY, NOW, confirmed, judged

ON = Policy(rules={"unconfirmed-key": RuleSetting(enabled=True)})


def report(record: KeyRecord, policy: Policy) -> AuditReport:
    scope = AuditScope(organization="acme", as_of=NOW, position=1, tool_version="0.1.0", policy=policy)
    return audit(scope, [record])


def found(record: KeyRecord, policy: Policy) -> list[FindingStatus]:
    findings = report(record, policy).findings
    return [finding.status for finding in findings if finding.rule == "unconfirmed-key"]


def test_nobody_is_asked_to_confirm_unless_a_policy_wants_it() -> None:
    overdue = confirmed(NOW - 400 * DAY)

    assert found(overdue, Policy()) == []
    assert found(overdue, ON) == [FindingStatus.OPEN]


@pytest.mark.parametrize("pack_id", ["pci-dss-4", "nist-800-53"])
def test_a_standard_that_demands_reviews_switches_it_on(pack_id: str) -> None:
    pack = load_pack(pack_id)

    assert found(confirmed(NOW - 400 * DAY), pack.policy) == [FindingStatus.OPEN]
    assert any("unconfirmed-key" in control.rules for control in pack.controls)


def test_a_waived_one_is_marked() -> None:
    record = confirmed(NOW - 400 * DAY)
    waiver = Waiver("unconfirmed-key", "the owner is away", "ops", NOW - DAY, NOW + DAY, 11)
    waived = msgspec.structs.replace(record, marks=msgspec.structs.replace(record.marks, waivers=(waiver,)))

    assert found(waived, ON) == [FindingStatus.WAIVED]


def test_the_policy_says_how_long_a_confirmation_lasts() -> None:
    monthly = Policy(confirm_within=timedelta(days=30))

    assert judged("unconfirmed-key", confirmed(NOW - 30 * DAY), monthly) is not None
    assert judged("unconfirmed-key", confirmed(NOW - 30 * DAY + 1), monthly) is None


def test_it_is_off_by_itself() -> None:
    assert not find_rule("unconfirmed-key").default_on
