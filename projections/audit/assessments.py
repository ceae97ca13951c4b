"""Assessments: what came of each rule on each key, also where nothing was found."""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from ledger.ids import format_id
from projections.audit.findings import Finding, FindingStatus
from projections.audit.judging import why_outside, why_unknown
from projections.audit.measure import Measure
from projections.audit.rule import Context, Rule
from projections.audit.severity import Severity
from projections.key_record import KeyRecord


class Outcome(StrEnum):
    """What can come of a rule on a key; silence is a pass only where the rule could have spoken."""

    FAILED = "failed"
    WAIVED = "waived"
    PASSED = "passed"
    NOT_ASSESSABLE = "not-assessable"
    NOT_APPLICABLE = "not-applicable"


class Assessment(msgspec.Struct, frozen=True, gc=False):
    """One rule on one key, in printed order; `reason` is the message, or why nothing can be said."""

    rule: str
    severity: Severity
    outcome: Outcome
    key_id: str
    key_name: str
    external_id: str | None
    reason: str | None
    finding: str | None

    @property
    def is_finding(self) -> bool:
        """Whether a finding tells the same."""
        return self.finding is not None


def assessments_of(
    record: KeyRecord, context: Context, measure: Measure, findings: list[Finding]
) -> Iterator[Assessment]:
    """What came of each rule, those that are switched off last, given the findings on the key."""
    found = {finding.rule: finding for finding in findings}
    key_id = format_id(record.id)
    for rule, is_on in (*((rule, True) for rule in measure.rules), *((rule, False) for rule in measure.off)):
        finding = found.get(rule.id)
        outcome, reason = _outcome(rule, record, context, finding, is_on=is_on)
        finding_id = None if finding is None else finding.id
        yield Assessment(
            rule.id, rule.severity, outcome, key_id, record.name, record.external_id, reason, finding_id
        )


def _outcome(
    rule: Rule, record: KeyRecord, context: Context, finding: Finding | None, *, is_on: bool
) -> tuple[Outcome, str | None]:
    if finding is not None:
        is_waived = finding.status is FindingStatus.WAIVED
        return (Outcome.WAIVED if is_waived else Outcome.FAILED), finding.message
    if why := why_outside(rule.scope, record, is_live=context.is_live):
        return Outcome.NOT_APPLICABLE, why
    if not is_on:
        return Outcome.NOT_ASSESSABLE, SWITCHED_OFF
    if why := why_unknown(rule.need, record, context.usage, context.as_of, context.policy):
        return Outcome.NOT_ASSESSABLE, why
    return Outcome.PASSED, None


SWITCHED_OFF = "the rule is switched off"
