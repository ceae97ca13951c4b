"""Every rule: fires, just not, exactly at its boundary, and on keys that are over."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from ledger.errors import NotFound
from projections.audit.assessments import Assessment, Outcome
from projections.audit.judging import Scope
from projections.audit.policy import Policy
from projections.audit.report import audit
from projections.audit.rule import Rule
from projections.audit.rule_setting import RuleSetting
from projections.audit.rules import RULES, find_rule
from projections.key_record import KeyRecord
from projections.marks import Waiver
from tests.projections.audit.records import (
    DAY,
    HOUR,
    NOW,
    OVER,
    address,
    aws,
    denied,
    judged,
    minted,
    never_used,
    unused_since,
    use,
)
from tests.projections.audit.rule_tables import TABLES
from tests.projections.audit.samples import SCOPE

LIVING = {Scope.LIVE, Scope.NAMED, Scope.ELSEWHERE}


def fires(rule_id: str, record: KeyRecord, policy: Policy | None = None) -> bool:
    return judged(rule_id, record, policy) is not None


def test_a_blameless_key_has_no_finding() -> None:
    for record in (minted(), aws(last_used_at=NOW - HOUR)):
        assert [rule.id for rule in RULES if rule.default_on and judged(rule.id, record)] == []


ASKED = Policy(rules={rule.id: RuleSetting(enabled=True) for rule in RULES})


def numbered(column: str) -> list[Any]:
    """One column of all tables: each key with its rule."""
    return [
        pytest.param(rule_id, record, id=f"{rule_id}-{number}")
        for rule_id, table in TABLES.items()
        for number, record in enumerate(getattr(table, column))
    ]


def came_of(rule_id: str, record: KeyRecord) -> Assessment:
    """What an audit in which every rule is on says of one rule and key."""
    scope = msgspec.structs.replace(SCOPE, policy=ASKED)
    report = audit(scope, [record], assess=True, include_temporary=True)
    (found,) = [each for each in report.assessments or () if each.rule == rule_id]
    return found


def test_no_rule_lacks_its_table() -> None:
    assert list(TABLES) == [rule.id for rule in RULES]
    for table in TABLES.values():
        assert table.flags
        assert table.spares


@pytest.mark.parametrize(("rule_id", "record"), numbered("flags"))
def test_a_rule_fires_exactly_at_its_boundary_and_cites_what_shows_it(
    rule_id: str, record: KeyRecord
) -> None:
    found = judged(rule_id, record)

    assert found is not None
    assert found.evidence
    assert came_of(rule_id, record).outcome is Outcome.FAILED


@pytest.mark.parametrize(("rule_id", "record"), numbered("spares"))
def test_a_rule_does_not_fire_just_before_its_boundary(rule_id: str, record: KeyRecord) -> None:
    assert not fires(rule_id, record)
    assert came_of(rule_id, record).outcome is not Outcome.FAILED


@pytest.mark.parametrize("rule_id", TABLES)
def test_a_key_of_which_too_little_is_known_is_not_passed(rule_id: str) -> None:
    record, expected = TABLES[rule_id].without_data

    found = came_of(rule_id, record)

    assert found.outcome is expected
    assert found.reason


@pytest.mark.parametrize("rule_id", TABLES)
def test_a_disabled_key_is_not_blamed_for_how_it_lived_but_for_what_was_done_with_it(rule_id: str) -> None:
    record = msgspec.structs.replace(TABLES[rule_id].flags[0], **OVER["disabled"])

    assert came_of(rule_id, record).outcome is TABLES[rule_id].when_disabled


@pytest.mark.parametrize("over", [over for over in OVER if over != "disabled"])
@pytest.mark.parametrize("rule_id", [rule.id for rule in RULES if rule.scope in LIVING])
def test_a_key_that_is_over_is_not_blamed_for_how_it_lived(rule_id: str, over: str) -> None:
    record = msgspec.structs.replace(TABLES[rule_id].flags[0], **OVER[over])

    assert not fires(rule_id, record)


@pytest.mark.parametrize("rule_id", TABLES)
@pytest.mark.parametrize(("expires_at", "outcome"), [(NOW + 1, Outcome.WAIVED), (NOW, Outcome.FAILED)])
def test_a_waiver_holds_to_the_last_microsecond_and_no_longer(
    rule_id: str, expires_at: int, outcome: Outcome
) -> None:
    waiver = Waiver(rule_id, "moves in May", "ada@example.com", NOW - DAY, expires_at, 9)
    flagged = TABLES[rule_id].flags[0]
    marks = msgspec.structs.replace(flagged.marks, waivers=(waiver,))
    record = msgspec.structs.replace(flagged, marks=marks)

    assert came_of(rule_id, record).outcome is outcome


@pytest.mark.parametrize("over", OVER)
def test_presenting_a_key_that_is_over_is_flagged(over: str) -> None:
    assert fires("denied-attempts", minted(denials=(denied(NOW - DAY),), **OVER[over]))


def test_unused_never_used_and_no_data_exclude_each_other() -> None:
    records = (
        unused_since(NOW - 60 * DAY),
        never_used(created_at=NOW - 60 * DAY),
        aws(created_at=NOW - 60 * DAY, covered=()),
    )
    for record in records:
        flagged = [
            rule_id for rule_id in ("unused-key", "never-used-key", "no-usage-data") if fires(rule_id, record)
        ]
        assert len(flagged) == 1


def test_what_other_audits_miss_is_flagged() -> None:
    """Prowler 5.46 reports none of these but the age of the first."""
    never_in_200_days = aws(created_at=NOW - 200 * DAY)
    never_in_10_days = aws(created_at=NOW - 10 * DAY)
    idle_45_days_5_hours = aws(created_at=NOW - 80 * DAY, last_used_at=NOW - 45 * DAY - 5 * HOUR)
    aged_90_days_5_hours = aws(created_at=NOW - 90 * DAY - 5 * HOUR, last_used_at=NOW)
    assert fires("never-used-key", never_in_200_days)
    assert fires("aged-key", never_in_200_days)
    assert fires("never-used-key", never_in_10_days)
    assert not fires("never-used-key", never_in_10_days, Policy(never_used_grace=timedelta(days=11)))
    assert fires("unused-key", idle_45_days_5_hours)
    assert fires("aged-key", aged_90_days_5_hours)


def test_denied_attempts_are_counted_against_the_threshold() -> None:
    record = minted(denials=(denied(NOW, count=2), denied(NOW - 31 * DAY, count=9)))
    assert fires("denied-attempts", record, Policy(denied_attempts=2))
    assert not fires("denied-attempts", record, Policy(denied_attempts=3))


def test_addresses_count_only_where_no_caller_is_known() -> None:
    addresses = tuple(address(f"192.0.2.{n}", NOW) for n in range(9))
    assert fires("shared-key", minted(uses=(use(None, NOW),), addresses=addresses))
    assert not fires("shared-key", minted(uses=(use("deploy-bot", NOW),), addresses=addresses))


def test_a_service_in_the_place_of_an_address_is_no_address() -> None:
    addresses = tuple(address(f"service{n}.amazonaws.com", NOW) for n in range(9))
    assert not fires("shared-key", minted(uses=(), addresses=addresses))


def test_rule_ids_are_stable_and_unique() -> None:
    assert [rule.id for rule in RULES] == [
        "unused-key",
        "never-used-key",
        "no-usage-data",
        "aged-key",
        "used-before-creation",
        "used-after-revocation",
        "denied-attempts",
        "leaked-key",
        "shared-key",
        "undescriptive-name",
        "rotation-unfinished",
        "dormant-then-active",
        "departed-owner",
        "expiring-soon",
        "no-expiry",
        "unregistered-key",
        "unconfirmed-key",
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_explains_its_severity_and_names_controls(rule: Rule) -> None:
    assert f" {rule.severity.value.capitalize()}: " in rule.reason
    assert rule.controls
    for text in (rule.title, rule.meaning, rule.reason, rule.method, rule.resolution):
        assert text == text.strip()
        assert "  " not in text


def test_an_unknown_rule_is_refused_with_a_suggestion() -> None:
    assert find_rule("aged-key").id == "aged-key"
    with pytest.raises(NotFound, match="did you mean 'unused-key'"):
        find_rule("unused-keys")
    with pytest.raises(NotFound, match="`keyledger rules` lists them"):
        find_rule("zzz")
