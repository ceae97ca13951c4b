"""Every rule: fires, just not, exactly at its boundary, and on keys that are over."""

from datetime import timedelta

import msgspec
import pytest

from ledger.errors import NotFound
from ledger.events import KeyState
from projections.audit.policy import Policy
from projections.audit.rule import Rule
from projections.audit.rules import RULES, find_rule
from projections.key_record import KeyRecord
from tests.projections.audit.records import (
    DAY,
    HOUR,
    NOW,
    OVER,
    SECOND,
    address,
    aws,
    denied,
    judged,
    leaked,
    minted,
    never_used,
    revoked,
    rotated,
    unused_since,
    use,
)


def fires(rule_id: str, record: KeyRecord, policy: Policy | None = None) -> bool:
    return judged(rule_id, record, policy) is not None


def test_a_blameless_key_has_no_finding() -> None:
    for record in (minted(), aws(last_used_at=NOW - HOUR)):
        assert [rule.id for rule in RULES if judged(rule.id, record)] == []


@pytest.mark.parametrize(
    ("rule_id", "record"),
    [
        ("unused-key", unused_since(NOW - 45 * DAY)),
        ("unused-key", unused_since(NOW - 45 * DAY - 5 * HOUR)),
        ("unused-key", aws(created_at=None, last_used_at=NOW - 45 * DAY)),
        ("never-used-key", never_used(created_at=NOW - 7 * DAY)),
        ("never-used-key", aws(created_at=NOW - 7 * DAY)),
        ("never-used-key", aws(created_at=None, known_since=NOW - 7 * DAY)),
        ("no-usage-data", aws(covered=())),
        ("no-usage-data", aws(created_at=NOW - HOUR, covered=())),
        ("aged-key", minted(created_at=NOW - 90 * DAY)),
        ("aged-key", aws(created_at=None, known_since=NOW - 90 * DAY)),
        ("used-after-revocation", revoked(NOW - DAY + 1)),
        ("denied-attempts", minted(denials=(denied(NOW - 30 * DAY),))),
        ("shared-key", minted(uses=(use("a", NOW - 30 * DAY), use("b", NOW)))),
        (
            "shared-key",
            minted(uses=(), addresses=tuple(address(f"192.0.2.{n}", NOW - 30 * DAY) for n in range(5))),
        ),
        ("undescriptive-name", minted(name="test")),
        ("undescriptive-name", aws(name="test")),
        ("leaked-key", leaked()),
        ("leaked-key", leaked(rotated_at=NOW - DAY, successor_id=bytes(16), overlap_ends_at=NOW + 1)),
        ("leaked-key", leaked(expires_at=NOW + 1)),
        ("rotation-unfinished", rotated(overlap_ends_at=NOW)),
        ("rotation-unfinished", rotated(uses=(use("deploy-bot", NOW - 2 * DAY + 1),))),
        ("rotation-unfinished", rotated(uses=(), last_used_at=NOW - 2 * DAY + 1)),
        ("rotation-unfinished", rotated(denials=(denied(NOW - DAY),))),
    ],
)
def test_a_rule_fires_exactly_at_its_boundary(rule_id: str, record: KeyRecord) -> None:
    assert fires(rule_id, record)


@pytest.mark.parametrize(
    ("rule_id", "record"),
    [
        ("unused-key", unused_since(NOW - 45 * DAY + 1)),
        ("unused-key", unused_since(NOW - 45 * DAY + SECOND)),
        ("unused-key", never_used(created_at=NOW - 60 * DAY)),
        ("unused-key", aws(last_used_at=NOW - 60 * DAY, created_at=NOW - 90 * DAY, covered=())),
        ("never-used-key", never_used(created_at=NOW - 7 * DAY + 1)),
        ("never-used-key", never_used(created_at=NOW - 7 * DAY + SECOND)),
        ("never-used-key", unused_since(NOW - 60 * DAY)),
        ("never-used-key", aws(created_at=NOW - 60 * DAY, covered=())),
        ("never-used-key", aws(created_at=None, known_since=NOW - 7 * DAY + 1)),
        ("no-usage-data", aws(created_at=NOW - 60 * DAY)),
        ("no-usage-data", aws(last_used_at=NOW - DAY, covered=())),
        ("no-usage-data", never_used()),
        ("aged-key", minted(created_at=NOW - 90 * DAY + 1)),
        ("aged-key", minted(created_at=NOW - 90 * DAY + SECOND)),
        ("aged-key", aws(created_at=None, known_since=NOW - 90 * DAY + 1)),
        ("used-after-revocation", revoked(NOW - DAY)),
        ("used-after-revocation", revoked(NOW - 2 * DAY, denials=(denied(NOW),))),
        ("used-after-revocation", minted(state=KeyState.REVOKED, last_used_at=NOW)),
        ("used-after-revocation", never_used(state=KeyState.REVOKED, revoked_at=NOW - DAY)),
        ("denied-attempts", minted(denials=(denied(NOW - 30 * DAY - 1),))),
        ("shared-key", minted(uses=(use("a", NOW - 30 * DAY - 1), use("b", NOW)))),
        ("shared-key", minted(uses=(use("a", NOW, service="s3"), use("a", NOW, service="ec2")))),
        ("shared-key", minted(uses=(), addresses=tuple(address(f"192.0.2.{n}", NOW) for n in range(4)))),
        ("undescriptive-name", aws(name="AKIA1", external_id="AKIA1")),
        ("leaked-key", minted()),
        ("leaked-key", leaked(rotated_at=NOW - DAY, successor_id=bytes(16), overlap_ends_at=NOW)),
        ("rotation-unfinished", minted()),
        ("rotation-unfinished", rotated()),
        ("rotation-unfinished", rotated(overlap_ends_at=NOW + 1)),
        ("rotation-unfinished", rotated(overlap_ends_at=NOW, state=KeyState.REVOKED)),
        ("rotation-unfinished", rotated(overlap_ends_at=NOW, state=KeyState.DISABLED)),
    ],
)
def test_a_rule_does_not_fire_just_before_its_boundary(rule_id: str, record: KeyRecord) -> None:
    assert not fires(rule_id, record)


LIVE_ONLY = {
    "unused-key": unused_since(NOW - 60 * DAY),
    "never-used-key": never_used(created_at=NOW - 60 * DAY),
    "no-usage-data": aws(created_at=NOW - 60 * DAY, covered=()),
    "aged-key": minted(created_at=NOW - 200 * DAY),
    "shared-key": minted(uses=(use("a", NOW), use("b", NOW))),
    "leaked-key": leaked(),
    "undescriptive-name": minted(name="test"),
}


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("rule_id", LIVE_ONLY)
def test_a_key_that_is_over_is_not_blamed_for_how_it_lived(rule_id: str, over: str) -> None:
    record = LIVE_ONLY[rule_id]
    assert fires(rule_id, record)
    assert not fires(rule_id, msgspec.structs.replace(record, **OVER[over]))


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
        "used-after-revocation",
        "denied-attempts",
        "leaked-key",
        "shared-key",
        "undescriptive-name",
        "rotation-unfinished",
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
