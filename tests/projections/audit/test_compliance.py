from datetime import timedelta

import msgspec
import pytest

from ledger.errors import InvalidInput, NotFound
from projections.audit.compliance import ComplianceReport, ControlReport, ControlStatus, comply
from projections.audit.controls import Control
from projections.audit.crowding import CountedUsers
from projections.audit.measure import Measures
from projections.audit.override import Override
from projections.audit.pack import Pack, parse_pack
from projections.audit.policy import Policy
from projections.audit.report import audit
from projections.audit.rule_setting import RuleSetting
from projections.audit.rules import RULES, find_rule
from projections.key_record import KeyRecord
from projections.marks import Marks, Waiver
from projections.policies import PACKS, load_pack
from tests.projections.audit.records import (
    DAY,
    HOUR,
    NOW,
    OVER,
    aws,
    denied,
    leaked,
    minted,
    revoked,
    unused_since,
)
from tests.projections.audit.samples import RECORDS, SCOPE

# A pack for the keys of every source.
CIS = msgspec.structs.replace(load_pack("cis-aws"), source=None)


def complied(
    *records: KeyRecord, pack: Pack = CIS, policy: Policy | None = None
) -> tuple[ComplianceReport, dict[str, ControlReport]]:
    in_force = pack.policy if policy is None else policy
    scope = msgspec.structs.replace(SCOPE, policy=in_force)
    found = comply(pack, in_force, audit(scope, records, assess=True))
    return found, {control.id: control for control in found.controls}


def control(control_id: str, *records: KeyRecord, policy: Policy | None = None) -> ControlReport:
    return complied(*records, policy=policy)[1][control_id]


@pytest.mark.parametrize("pack_id", PACKS)
def test_a_packs_own_policy_is_as_strict_as_its_controls_demand(pack_id: str) -> None:
    pack = load_pack(pack_id)

    records = minted(expires_at=NOW + 30 * DAY), *([aws()] if pack.source == "aws" else [])
    _, controls = complied(*records, pack=pack)

    assert controls
    assert "failed" not in {each.status for each in controls.values()}


@pytest.mark.parametrize("pack_id", PACKS)
def test_a_pack_has_the_controls_of_one_framework_with_the_rules_that_answer_them(pack_id: str) -> None:
    pack = load_pack(pack_id)

    assert len({asked.control.framework for asked in pack.controls}) == 1
    for asked in pack.controls:
        assert asked.rules
        assert all(asked.control in find_rule(rule_id).controls for rule_id in asked.rules)


@pytest.mark.parametrize("pack_id", PACKS)
def test_every_rule_that_a_pack_has_on_and_that_names_its_framework_is_asked(pack_id: str) -> None:
    pack = load_pack(pack_id)
    framework = pack.controls[0].control.framework
    answering = {
        rule.id
        for rule in Measures(pack.policy, RULES).rules
        if framework in {control.framework for control in rule.controls}
    }

    assert {rule_id for asked in pack.controls for rule_id in asked.rules} == answering


def test_controls_are_in_the_order_of_their_numbers() -> None:
    ids = [each.control.id for each in load_pack("pci-dss-4").controls]

    assert ids.index("8.6.3") < ids.index("10.2.1") < ids.index("10.4.3")


def test_a_control_passes_where_every_rule_that_answers_it_did() -> None:
    found = control("1.14", minted(), minted(name="off", **OVER["disabled"]))

    assert (found.status, found.reasons, found.keys) == ("passed", [], [])
    assert [(rule.rule, rule.passed, rule.not_applicable) for rule in found.rules] == [("aged-key", 1, 1)]


def test_a_control_fails_with_the_keys_that_fail_it() -> None:
    found = control("1.12", minted(), unused_since(NOW - 45 * DAY, name="old-report"))

    assert found.status == "failed"
    assert found.reasons == ["unused-key: 1 key failed"]
    assert [(key.key_name, key.rule) for key in found.keys] == [("old-report", "unused-key")]


def test_a_waived_finding_fails_no_control_but_is_counted() -> None:
    waiver = Waiver("aged-key", "moves in May", "ada@example.com", NOW - DAY, NOW + DAY, 9)
    found = control("1.14", minted(created_at=NOW - 90 * DAY, marks=Marks((waiver,))))

    assert found.status == "passed"
    assert [(rule.failed, rule.waived) for rule in found.rules] == [(0, 1)]


def test_a_control_cannot_be_assessed_where_nobody_knows_of_some_keys() -> None:
    found = control("1.12", minted(), aws(covered=()))

    assert found.status == "not-assessable"
    assert found.reasons[0] == (
        "unused-key: 1 key not assessable: no reporter vouches that it tells the uses of this key"
    )


def test_a_failure_outweighs_what_is_not_known() -> None:
    found = control("1.12", unused_since(NOW - 45 * DAY), aws(covered=()))

    assert found.status == "failed"
    assert any("not assessable" in reason for reason in found.reasons)


@pytest.mark.parametrize(
    "records", [(minted(),), (minted(**OVER["revoked"]),)], ids=["a-key", "a-revoked-key"]
)
def test_a_control_cannot_be_assessed_where_its_rule_is_off(records: tuple[KeyRecord, ...]) -> None:
    policy = Policy(rules={"aged-key": RuleSetting(enabled=False)})

    found = control("1.14", *records, policy=policy)

    assert (found.status, found.reasons) == ("not-assessable", ["aged-key: the rule is switched off"])


def test_a_control_that_the_ledger_sees_in_part_is_failed_but_never_passed() -> None:
    _, controls = complied(minted(), pack=load_pack("pci-dss-4"))
    _, failed = complied(leaked(), pack=load_pack("pci-dss-4"))

    assert controls["8.6.2"].status == "not-assessable"
    assert controls["8.6.2"].reasons == ["hard-coded secrets are known where somebody runs `keyledger scan`"]
    assert failed["8.6.2"].status == "failed"


def test_that_a_user_has_two_active_keys_fails_the_control_that_allows_one() -> None:
    found = control("1.13", aws(), aws(external_id="AKIAI44QH8DHBEXAMPLE"), aws(external_id="B", owner="bob"))

    assert (found.status, found.reasons) == ("failed", ["kaleb: more than 1 active key"])
    assert [(key.external_id, key.rule, key.finding) for key in found.keys] == [
        ("AKIAIOSFODNN7EXAMPLE", None, None),
        ("AKIAI44QH8DHBEXAMPLE", None, None),
    ]
    assert found.counted == CountedUsers(1, 2, 1)


def test_that_each_user_has_one_active_key_passes_it() -> None:
    found = control("1.13", aws(), aws(external_id="AKIAI44QH8DHBEXAMPLE", owner="bob"))

    assert (found.status, found.counted) == ("passed", CountedUsers(1, 2, 0))


def test_a_key_of_nobody_leaves_it_open_how_many_a_user_has() -> None:
    found = control("1.13", aws(), aws(external_id="AKIAI44QH8DHBEXAMPLE", owner=None))

    assert (found.status, found.reasons) == ("not-assessable", ["1 active key: nobody tells whose"])


@pytest.mark.parametrize(
    ("days", "status"),
    [(89, "passed"), (90, "passed"), (91, "failed")],
    ids=["stricter", "as-strict", "looser"],
)
def test_a_policy_that_is_looser_than_a_control_fails_it(days: int, status: str) -> None:
    found = control("1.14", minted(), policy=Policy(max_age=timedelta(days=days)))

    assert found.status == status


def test_a_looser_policy_is_told_with_both_limits() -> None:
    found = control("1.14", minted(), policy=Policy(max_age=timedelta(days=120)))

    assert found.reasons == ["the policy allows max_age=120d, the control demands 90d at most"]


def test_a_count_that_is_looser_than_a_control_demands_fails_it() -> None:
    pci = load_pack("pci-dss-4")

    _, controls = complied(minted(), pack=pci, policy=Policy(shared_callers=3, denied_attempts=2))

    assert controls["8.2.2"].reasons == ["the policy allows shared_callers=3, the control demands 2 at most"]
    assert controls["10.4.3"].reasons == [
        "the policy allows denied_attempts=2, the control demands 1 at most"
    ]


def test_a_policy_that_looks_at_less_than_a_control_demands_fails_it() -> None:
    policy = Policy(shared_within=timedelta(days=29), denied_within=timedelta(seconds=1), shared_addresses=6)

    _, controls = complied(minted(), pack=load_pack("pci-dss-4"), policy=policy)

    assert controls["8.2.2"].reasons == [
        "the policy allows shared_addresses=6, the control demands 5 at most",
        "the policy has shared_within=29d, the control demands 30d at least",
    ]
    assert controls["10.4.3"].reasons == ["the policy has denied_within=1s, the control demands 30d at least"]


def test_that_attempts_were_refused_and_recorded_fails_no_control_that_asks_for_their_record() -> None:
    refused = revoked(NOW - DAY, denials=(denied(NOW - HOUR),))

    _, controls = complied(refused, pack=load_pack("pci-dss-4"))

    assert [each.id for each in controls.values() if each.status == "failed"] == ["10.4.3"]


def test_a_standard_for_one_source_counts_no_key_of_another() -> None:
    old = minted(created_at=NOW - 90 * DAY)

    found, controls = complied(old, aws(), pack=load_pack("cis-aws"))

    assert (found.source, found.keys) == ("aws", 1)
    assert controls["1.14"].status == "passed"
    assert [(rule.failed, rule.passed) for rule in controls["1.14"].rules] == [(0, 1)]


def test_a_standard_for_one_source_passes_nothing_where_no_key_is_of_it() -> None:
    _, controls = complied(minted(), pack=load_pack("cis-aws"))

    assert controls["1.14"].status == "not-assessable"
    assert "knows of no key of aws" in controls["1.14"].reasons[0]


def test_an_override_for_keys_of_another_source_fails_no_control() -> None:
    policy = Policy(overrides=(Override(source="keyledger", thresholds={"max_age": timedelta(days=365)}),))

    _, controls = complied(minted(), aws(), pack=load_pack("cis-aws"), policy=policy)

    assert controls["1.14"].status == "passed"


@pytest.mark.parametrize("pack_id", PACKS)
def test_no_control_passes_where_no_key_is_known(pack_id: str) -> None:
    _, controls = complied(pack=load_pack(pack_id))

    assert ControlStatus.PASSED not in {each.status for each in controls.values()}
    assert all("the ledger knows of no key" in each.reasons[-1] for each in controls.values())


def test_an_override_that_is_looser_fails_the_control_only_if_it_is_for_some_key() -> None:
    override = Override(name="ci-*", thresholds={"max_age": timedelta(days=365)})
    policy = Policy(overrides=(override,))

    assert control("1.14", minted(), policy=policy).status == "passed"
    found = control("1.14", minted(), minted(name="ci-a"), minted(name="ci-b"), policy=policy)
    assert found.status == "failed"
    assert found.reasons == ["the policy allows max_age=365d for 2 keys, the control demands 90d at most"]


def test_the_summary_counts_the_controls_and_the_report_says_what_it_ran_on() -> None:
    found, _ = complied(*RECORDS, pack=load_pack("nist-800-53"))

    assert sum(found.summary.values()) == len(found.controls)
    assert found.schema == "keyledger.compliance/1"
    assert (found.pack, found.organization, found.position) == ("nist-800-53", "acme", 1234)


def test_demands_of_a_control_that_no_rule_answers_are_refused() -> None:
    text = 'title = "T"\nframework = "SOC 2"\n[[control]]\nid = "CC99"\nat_most = { max_age = "1d" }\n'

    with pytest.raises(InvalidInput, match="demands CC99, which no rule answers"):
        parse_pack("mine", text, RULES)


def test_a_rule_that_is_off_by_default_is_asked_where_the_pack_has_it_on() -> None:
    answer = Control("Mine", "1", "One")
    shy = msgspec.structs.replace(find_rule("aged-key"), default_on=False, controls=(answer,))
    text = 'title = "T"\nframework = "Mine"\n'

    assert parse_pack("mine", text, (shy,)).controls == ()
    (asked,) = parse_pack("mine", f"{text}[rules.aged-key]\nenabled = true\n", (shy,)).controls
    assert (asked.control, asked.rules) == (answer, ("aged-key",))


def test_a_pack_that_there_is_not_is_told_with_what_may_have_been_meant() -> None:
    with pytest.raises(NotFound, match="there is no pack 'cis'; did you mean 'cis-aws'"):
        load_pack("cis")
