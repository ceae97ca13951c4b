from datetime import timedelta
from typing import Any

import pytest

from ledger.errors import InvalidInput
from projections.audit.override import Override
from projections.audit.policy import Policy
from projections.audit.rule_setting import RuleSetting
from projections.audit.severity import Severity


def test_the_default_policy_is_pinned() -> None:
    assert Policy().canonical() == {
        "unused_for": "45d",
        "max_age": "90d",
        "never_used_grace": "7d",
        "shared_callers": 2,
        "shared_addresses": 5,
        "shared_within": "30d",
        "denied_attempts": 1,
        "denied_within": "30d",
        "dormant_for": "90d",
        "dormant_within": "30d",
        "expiring_within": "14d",
        "coverage_tolerance": "2d",
        "assume_coverage": True,
        "max_waiver": "365d",
        "warn_for": "14d",
        "disable_for": "30d",
        "confirm_within": "365d",
    }
    assert Policy().sha256() == "41a2c0d0845841e3970dc492d2fc4e0b1ec0fbac74d755b45f082c601c304e97"


@pytest.mark.parametrize(
    "change",
    [
        {"unused_for": timedelta(days=45, seconds=1)},
        {"shared_callers": 3},
        {"assume_coverage": False},
    ],
    ids=str,
)
def test_any_other_policy_has_another_hash(change: dict[str, Any]) -> None:
    assert Policy(**change).sha256() != Policy().sha256()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unused_for": timedelta(seconds=-1)}, "unused_for is negative"),
        ({"coverage_tolerance": timedelta(days=-2)}, "coverage_tolerance is negative"),
        ({"max_age": timedelta(microseconds=1)}, "max_age has a fraction of a second"),
        ({"shared_callers": 1}, "shared_callers is 1; the least that makes sense is 2"),
        ({"shared_addresses": 0}, "shared_addresses is 0"),
        ({"denied_attempts": 0}, "denied_attempts is 0"),
        (
            {"dormant_for": timedelta(hours=23)},
            "dormant_for is 23h; the least that makes sense is 1d",
        ),
    ],
    ids=str,
)
def test_an_impossible_threshold_is_refused_in_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as refusal:
        Policy(**change)
    assert "\n" not in str(refusal.value)


def test_a_threshold_of_zero_is_allowed() -> None:
    assert Policy(never_used_grace=timedelta()).canonical()["never_used_grace"] == "0s"


def test_an_override_to_an_impossible_threshold_is_refused() -> None:
    with pytest.raises(InvalidInput, match="shared_callers is 1"):
        Policy(overrides=(Override(name="ci-*", thresholds={"shared_callers": 1}),))


def test_rules_and_overrides_follow_the_thresholds_and_are_part_of_the_hash() -> None:
    plain = Policy()
    strict = Policy(rules={"aged-key": RuleSetting(severity=Severity.HIGH)})
    lenient = Policy(overrides=(Override(source="aws", thresholds={"max_age": timedelta(days=1)}),))

    assert list(strict.canonical()) == [*plain.canonical(), "rules"]
    assert strict.canonical()["rules"] == {"aged-key": {"severity": "high"}}
    assert list(lenient.canonical()) == [*plain.canonical(), "override"]
    assert lenient.canonical()["override"] == [{"source": "aws", "max_age": "1d"}]
    assert len({policy.sha256() for policy in (plain, strict, lenient)}) == 3


def test_the_order_of_overrides_is_part_of_the_hash_and_that_of_rules_is_not() -> None:
    off, low = RuleSetting(enabled=False), RuleSetting(severity=Severity.LOW)
    one = Override(name="a", rules={"aged-key": off})
    other = Override(name="b", rules={"aged-key": low})

    assert Policy(overrides=(one, other)).sha256() != Policy(overrides=(other, one)).sha256()
    assert (
        Policy(rules={"aged-key": off, "shared-key": low}).sha256()
        == Policy(rules={"shared-key": low, "aged-key": off}).sha256()
    )
