from collections import Counter

import msgspec
import pytest

from projections.audit.assessments import SWITCHED_OFF, Assessment, Outcome
from projections.audit.judging import Scope, why_outside
from projections.audit.override import Override
from projections.audit.policy import Policy
from projections.audit.report import AuditReport, audit
from projections.audit.rule import Rule, context_of
from projections.audit.rule_setting import RuleSetting
from projections.audit.rules import RULES
from projections.key_record import KeyRecord
from projections.marks import Leak, Marks, Waiver
from tests.projections.audit.records import (
    DAY,
    HOUR,
    NOW,
    OVER,
    address,
    aws,
    denied,
    leaked,
    minted,
    never_used,
    revoked,
    rotated,
    unused_since,
    use,
)
from tests.projections.audit.samples import RECORDS, SCOPE

FAILED, WAIVED, PASSED = Outcome.FAILED, Outcome.WAIVED, Outcome.PASSED
UNKNOWN, OUTSIDE = Outcome.NOT_ASSESSABLE, Outcome.NOT_APPLICABLE

WAIVER = Waiver("aged-key", "moves in May", "ada@example.com", NOW - DAY, NOW + DAY, 9)
LEAK_WAIVER = Waiver("leaked-key", "a test key", "ada@example.com", NOW - DAY, NOW + DAY, 9)
SUMMARY_ONLY = {"last_used_at": NOW - HOUR, "use_count": None}


def assessed(*records: KeyRecord, policy: Policy = SCOPE.policy) -> AuditReport:
    scope = msgspec.structs.replace(SCOPE, policy=policy)
    return audit(scope, records, assess=True, include_temporary=True)


def outcome(rule: str, record: KeyRecord, policy: Policy = SCOPE.policy) -> Assessment:
    (found,) = [each for each in assessed(record, policy=policy).assessments or () if each.rule == rule]
    return found


CASES: list[tuple[str, KeyRecord, Outcome]] = [
    ("unused-key", unused_since(NOW - 45 * DAY), FAILED),
    ("unused-key", minted(), PASSED),
    ("unused-key", aws(covered=()), UNKNOWN),
    ("unused-key", minted(**OVER["disabled"]), OUTSIDE),
    ("never-used-key", never_used(created_at=NOW - 30 * DAY), FAILED),
    ("never-used-key", never_used(), FAILED),
    ("never-used-key", never_used(created_at=NOW - DAY), PASSED),
    ("never-used-key", aws(covered=()), UNKNOWN),
    ("never-used-key", minted(**OVER["temporary"]), OUTSIDE),
    ("no-usage-data", aws(covered=()), FAILED),
    ("no-usage-data", aws(), PASSED),
    ("no-usage-data", aws(covered=(), **OVER["expired"]), OUTSIDE),
    ("aged-key", minted(created_at=NOW - 90 * DAY), FAILED),
    ("aged-key", minted(created_at=NOW - 90 * DAY, marks=Marks((WAIVER,))), WAIVED),
    ("aged-key", minted(), PASSED),
    ("aged-key", minted(**OVER["revoked"]), OUTSIDE),
    ("used-after-revocation", revoked(NOW - HOUR), FAILED),
    ("used-after-revocation", revoked(NOW - 2 * DAY), PASSED),
    ("used-after-revocation", aws(covered=(), **OVER["revoked"]), UNKNOWN),
    ("used-after-revocation", minted(), OUTSIDE),
    ("denied-attempts", minted(denials=(denied(NOW),)), FAILED),
    ("denied-attempts", minted(), PASSED),
    ("denied-attempts", aws(), UNKNOWN),
    ("leaked-key", leaked(), FAILED),
    ("leaked-key", leaked(marks=Marks((LEAK_WAIVER,), (Leak("values.yaml:3", NOW - HOUR, 8),))), WAIVED),
    ("leaked-key", minted(), PASSED),
    ("leaked-key", aws(), UNKNOWN),
    ("leaked-key", leaked(**OVER["disabled"]), OUTSIDE),
    ("leaked-key", leaked(**OVER["revoked"]), OUTSIDE),
    ("shared-key", minted(uses=(use("a", NOW), use("b", NOW))), FAILED),
    ("shared-key", minted(), PASSED),
    ("shared-key", minted(uses=(use(None, NOW),)), UNKNOWN),
    ("shared-key", minted(uses=(use(None, NOW),), addresses=(address("192.0.2.1", NOW),)), PASSED),
    ("shared-key", never_used(), PASSED),
    ("shared-key", aws(**SUMMARY_ONLY), UNKNOWN),
    ("shared-key", aws(covered=()), UNKNOWN),
    ("shared-key", minted(**OVER["expired"]), OUTSIDE),
    ("undescriptive-name", minted(name="test"), FAILED),
    ("undescriptive-name", minted(), PASSED),
    ("undescriptive-name", aws(), OUTSIDE),
    ("rotation-unfinished", rotated(overlap_ends_at=NOW - DAY), FAILED),
    ("rotation-unfinished", rotated(), PASSED),
    ("rotation-unfinished", minted(), OUTSIDE),
]


@pytest.mark.parametrize(
    ("rule", "record", "expected"),
    CASES,
    ids=[f"{rule}-{expected}-{number}" for number, (rule, _, expected) in enumerate(CASES)],
)
def test_what_came_of_a_rule_on_a_key(rule: str, record: KeyRecord, expected: Outcome) -> None:
    found = outcome(rule, record)

    assert found.outcome is expected
    assert (found.reason is None) is (expected is PASSED)
    assert (found.finding is not None) is (expected in {FAILED, WAIVED})


def test_what_a_policy_or_an_override_switched_off_is_no_pass() -> None:
    off = {"aged-key": RuleSetting(enabled=False)}

    in_general = outcome("aged-key", minted(), Policy(rules=off))
    for_some = outcome("aged-key", minted(), Policy(overrides=(Override(name="git*", rules=off),)))

    assert (in_general.outcome, in_general.reason) == (UNKNOWN, SWITCHED_OFF)
    assert (for_some.outcome, for_some.reason) == (UNKNOWN, SWITCHED_OFF)


def test_each_rule_says_one_thing_of_each_key_and_each_finding_is_among_them() -> None:
    report = assessed(*RECORDS)

    rows = report.assessments or []
    assert Counter((each.key_id, each.rule) for each in rows).total() == len(RECORDS) * len(RULES)
    assert len({(each.key_id, each.rule) for each in rows}) == len(rows)
    assert {each.finding for each in rows if each.finding} == {finding.id for finding in report.findings}


def test_the_order_of_the_keys_changes_nothing() -> None:
    assert assessed(*RECORDS) == assessed(*reversed(RECORDS))


def test_assessments_change_nothing_else_of_a_report() -> None:
    without = audit(SCOPE, RECORDS)

    assert msgspec.structs.replace(audit(SCOPE, RECORDS, assess=True), assessments=None) == without
    assert "assessments" not in without.document()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@pytest.mark.parametrize("kind", OVER)
def test_no_rule_finds_anything_outside_the_keys_that_it_declares(rule: Rule, kind: str) -> None:
    candidates = [msgspec.structs.replace(record, **OVER[kind]) for record in RECORDS]

    for record in (*RECORDS, *candidates):
        context = context_of(record, NOW, Policy())
        if why_outside(rule.scope, record, is_live=context.is_live):
            assert rule.check(record, context) is None


@pytest.mark.parametrize("scope", Scope)
def test_every_scope_has_words_for_those_outside_but_any_key_has_nobody_there(scope: Scope) -> None:
    told = {why_outside(scope, record, is_live=False) for record in (minted(), aws())} - {None}

    assert told == (set() if scope is Scope.ANY else {f"asked of {scope} only"})
