from datetime import timedelta

import msgspec
import pytest

from projections.audit.measure import Measures
from projections.audit.override import Override, Threshold
from projections.audit.policy import Policy
from projections.audit.report import AuditScope, audit
from projections.audit.rule import Rule
from projections.audit.rule_setting import RuleSetting
from projections.audit.rules import RULES, find_rule
from projections.audit.severity import Severity
from projections.key_record import KeyRecord
from tests.projections.audit.records import DAY, NOW, aws, minted
from tests.projections.audit.samples import RECORDS, SCOPE

OFF = RuleSetting(enabled=False)
DAYS_100: dict[str, Threshold] = {"max_age": timedelta(days=100)}
DAYS_200: dict[str, Threshold] = {"max_age": timedelta(days=200)}


def max_age(record: KeyRecord, *overrides: Override) -> int:
    return Measures(Policy(overrides=overrides), RULES).of(record).policy.max_age.days


def by(policy: Policy) -> AuditScope:
    return msgspec.structs.replace(SCOPE, policy=policy)


def findings(
    policy: Policy, *records: KeyRecord, rules: tuple[Rule, ...] | None = None
) -> list[tuple[str, str, str]]:
    report = audit(by(policy), records, rules=rules)
    return [(each.key_name, each.rule, each.severity) for each in report.findings]


@pytest.mark.parametrize(
    ("override", "is_for_it"),
    [
        (Override(name="ci-*", thresholds=DAYS_100), True),
        (Override(name="ci-github", thresholds=DAYS_100), True),
        (Override(name="CI-*", thresholds=DAYS_100), False),
        (Override(name="github", thresholds=DAYS_100), False),
        (Override(name="ci-?ithub", thresholds=DAYS_100), True),
        (Override(owner="*@example.com", thresholds=DAYS_100), True),
        (Override(owner="eve@example.com", thresholds=DAYS_100), False),
        (Override(source="keyledger", thresholds=DAYS_100), True),
        (Override(source="aws", thresholds=DAYS_100), False),
        (Override(name="ci-*", owner="ada@*", source="keyledger", thresholds=DAYS_100), True),
        (Override(name="ci-*", source="aws", thresholds=DAYS_100), False),
    ],
    ids=lambda value: str(value.canonical()) if isinstance(value, Override) else "",
)
def test_an_override_is_for_the_keys_that_all_of_its_patterns_match(
    override: Override, is_for_it: bool
) -> None:
    assert max_age(minted(name="ci-github"), override) == (100 if is_for_it else 90)


def test_a_pattern_for_owners_matches_a_key_without_one_only_if_it_matches_anything() -> None:
    assert max_age(minted(owner=None), Override(owner="?*", thresholds=DAYS_100)) == 90
    assert max_age(minted(owner=None), Override(owner="*", thresholds=DAYS_100)) == 100


def test_the_later_of_two_overrides_wins_where_both_say_something() -> None:
    one = Override(name="ci-*", thresholds=DAYS_100 | {"unused_for": timedelta(days=3)})
    other = Override(name="*-github", thresholds=DAYS_200)

    policy = Measures(Policy(overrides=(one, other)), RULES).of(minted(name="ci-github")).policy

    assert policy.max_age == timedelta(days=200)
    assert policy.unused_for == timedelta(days=3)
    assert max_age(minted(name="ci-github"), other, one) == 100


def test_findings_follow_the_policy_of_their_key() -> None:
    old = [minted(name=name, created_at=NOW - 150 * DAY) for name in ("ci-a", "ci-b", "web-front")]
    policy = Policy(
        rules={"aged-key": RuleSetting(severity=Severity.HIGH)},
        overrides=(
            Override(name="ci-*", thresholds=DAYS_100),
            Override(name="ci-a", rules={"aged-key": RuleSetting(severity=Severity.LOW)}),
            Override(name="ci-b", rules={"aged-key": OFF}),
        ),
    )

    assert findings(policy, *old) == [("web-front", "aged-key", "high"), ("ci-a", "aged-key", "low")]


def test_a_rule_that_is_switched_off_is_not_among_those_of_the_report() -> None:
    report = audit(by(Policy(rules={"aged-key": OFF})), RECORDS)

    assert "aged-key" not in report.summary.by_rule
    assert "aged-key" not in {finding.rule for finding in report.findings}


def test_a_rule_that_an_override_alone_switches_on_speaks_for_its_keys() -> None:
    policy = Policy(
        rules={"aged-key": OFF},
        overrides=(Override(source="aws", rules={"aged-key": RuleSetting(enabled=True)}),),
    )
    records = [minted(created_at=NOW - 150 * DAY), aws(name="bot", created_at=NOW - 150 * DAY)]

    assert [name for name, rule, _ in findings(policy, *records) if rule == "aged-key"] == ["bot"]


def test_a_rule_that_is_asked_for_by_name_speaks_though_the_policy_switched_it_off() -> None:
    policy = Policy(rules={"aged-key": OFF})
    record = minted(created_at=NOW - 150 * DAY)

    chosen = (find_rule("aged-key"),)

    assert findings(policy, record, rules=chosen) == [("github-actions-prod", "aged-key", "medium")]


def test_keys_with_the_same_overrides_share_one_measure() -> None:
    measures = Measures(Policy(overrides=(Override(name="ci-*", thresholds=DAYS_100),)), RULES)

    assert measures.of(minted(name="ci-a")) is measures.of(minted(name="ci-b"))
    assert measures.of(minted(name="web")) is measures.general
