"""Findings: a rule's verdict on a key, as reports print it."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from ledger import ids
from ledger.moments import format_moment
from projections.audit.remedy import remedy
from projections.audit.rule import Context, Rule, Verdict, verdict
from projections.audit.severity import Severity
from projections.key_record import KeyRecord
from projections.marks import Waiver

_ID_DIGITS = 16


class FindingStatus(StrEnum):
    """Whether a finding asks for something, or was accepted for a time."""

    OPEN = "open"
    WAIVED = "waived"


class FindingWaiver(msgspec.Struct, frozen=True):
    """The waiver by which a finding was accepted: until when, why, and who answers for it."""

    until: str
    reason: str
    owner: str | None
    position: int


class Finding(msgspec.Struct, frozen=True):
    """The fields of a finding in their printed order; `evidence` holds positions in the ledger."""

    id: str
    rule: str
    severity: Severity
    status: FindingStatus
    key_id: str
    key_name: str
    external_id: str | None
    message: str
    evidence: tuple[int, ...]
    remedy: str
    waiver: FindingWaiver | None = None


def finding_id(rule_id: str, key_id: bytes) -> str:
    """The id that the finding of a rule on a key keeps from run to run: 16 hexadecimal digits."""
    return ids.digest("finding", rule_id, key_id).hex()[:_ID_DIGITS]


def findings_on(record: KeyRecord, context: Context, rules: Iterable[Rule]) -> list[Finding]:
    """What the rules say of a key."""
    findings = []
    for rule in rules:
        found = rule.check(record, context)
        if found is not None:
            findings.append(_finding(rule, record, found, context.as_of))
    return findings


def worst_first(finding: Finding) -> tuple[int, str, str, str]:
    """The sort key of reports: severity falling, then rule, key name and key id."""
    return (-finding.severity.rank, finding.rule, finding.key_name, finding.key_id)


def open_at_least(findings: Iterable[Finding], threshold: Severity) -> list[Finding]:
    """The open findings that reach the threshold: what `--fail-on` asks for."""
    return [
        finding
        for finding in findings
        if finding.status is FindingStatus.OPEN and finding.severity.is_at_least(threshold)
    ]


def _finding(rule: Rule, record: KeyRecord, found: Verdict, as_of: int) -> Finding:
    waiver = record.marks.waiver(rule.id)
    if waiver is not None and waiver.expires_at <= as_of:
        found, waiver = _accepted_until(waiver, found), None
    return Finding(
        id=finding_id(rule.id, record.id),
        rule=rule.id,
        severity=rule.severity,
        status=FindingStatus.OPEN if waiver is None else FindingStatus.WAIVED,
        key_id=ids.format_id(record.id),
        key_name=record.name,
        external_id=record.external_id,
        message=found.message,
        evidence=found.evidence,
        remedy=remedy(rule.action, record),
        waiver=None if waiver is None else _told(waiver),
    )


def _accepted_until(waiver: Waiver, found: Verdict) -> Verdict:
    """A finding whose waiver is over says so: somebody meant to have resolved it by then."""
    by_whom = f" by {waiver.owner}" if waiver.owner else ""
    over = f"the waiver{by_whom} ended {format_moment(waiver.expires_at)} ({waiver.reason})"
    return verdict(f"{found.message}; {over}", *found.evidence, waiver.position)


def _told(waiver: Waiver) -> FindingWaiver:
    return FindingWaiver(format_moment(waiver.expires_at), waiver.reason, waiver.owner, waiver.position)
