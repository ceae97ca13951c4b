"""How a plan is made from an audit: which findings ask for the end of a key, and by which steps."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from ledger.audit_events import RemediationStep
from ledger.events import KeyState
from ledger.ids import format_id, hashed_id
from ledger.moments import MICROSECOND, format_moment, parse_moment
from projections.audit.findings import Finding
from projections.audit.measure import Measures
from projections.audit.policy import Policy
from projections.audit.remedy import Action, action_for
from projections.audit.report import AuditReport
from projections.audit.rules import RULES, find_rule
from projections.audit.severity import Severity
from projections.callers import Caller
from projections.key_record import Denial, KeyRecord
from projections.remediation.plan import (
    IMPACT_WITHIN,
    SCHEMA,
    ByHand,
    Plan,
    PlannedCaller,
    PlannedFinding,
    PlannedKey,
    Stage,
)

_ENDS = (Action.DISABLE, Action.REVOKE)


class Impact(msgspec.Struct, frozen=True):
    """What a plan has to know beside the report: who called with each key lately, and versions of lives."""

    callers: Mapping[bytes, Sequence[Caller]]
    versions: Mapping[bytes, int]


class Concerned(msgspec.Struct, frozen=True):
    """A key with the open findings on it: those that ask for its end by a plan, and the others."""

    record: KeyRecord
    ending: tuple[Finding, ...]
    others: tuple[Finding, ...]


def concerned(report: AuditReport) -> list[Concerned]:
    """The keys of a report that nobody has accepted as they are, by name and then id."""
    by_key: dict[str, list[Finding]] = {}
    for finding in report.open_findings:
        by_key.setdefault(finding.key_id, []).append(finding)
    records = (judged.record for judged in report.judged)
    return [
        _concerned(record, by_key[key_id]) for record in records if (key_id := format_id(record.id)) in by_key
    ]


def make_plan(report: AuditReport, policy: Policy, keys: Sequence[Concerned], impact: Impact) -> Plan:
    """The plan for the keys of a report; the same ledger, moment and policy give the same text."""
    measures, since = Measures(policy, RULES), _since(report)
    parts = (report.organization, report.as_of, report.position, report.policy_sha256)
    found = [finding.id for key in keys for finding in (*key.ending, *key.others)]
    return Plan(
        schema=SCHEMA,
        id=format_id(hashed_id("plan", *parts, found)),
        organization=report.organization,
        made_at=report.as_of,
        position=report.position,
        policy=msgspec.json.encode(report.policy, order="sorted").decode(),
        key=tuple(_planned(key, measures, impact, since) for key in keys if key.ending),
        by_hand=tuple(_by_hand(key, impact, since) for key in keys if key.others),
    )


def callers_of(record: KeyRecord, callers: Iterable[Caller], since: int) -> tuple[PlannedCaller, ...]:
    """Who called with a key, and who was refused, from a moment on; the latest first."""
    told = {
        (each.service, each.caller): PlannedCaller(
            service=each.service,
            caller=each.caller,
            uses=each.count,
            last_at=format_moment(each.last_at),
            addresses=each.addresses,
        )
        for each in callers
    }
    for denial in record.denials:
        if denial.last_at >= since:
            place = (denial.service, denial.caller)
            told[place] = _refused(told.get(place), denial)
    return tuple(sorted(told.values(), key=lambda each: (-parse_moment(each.last_at), each.name)))


def _since(report: AuditReport) -> int:
    return parse_moment(report.as_of) - IMPACT_WITHIN // MICROSECOND


def _refused(known: PlannedCaller | None, denial: Denial) -> PlannedCaller:
    at = format_moment(denial.last_at)
    if known is None:
        return PlannedCaller(
            service=denial.service, caller=denial.caller, uses=0, refused=denial.count, last_at=at
        )
    latest = max(parse_moment(known.last_at), denial.last_at)
    refused = known.refused + denial.count
    return msgspec.structs.replace(known, refused=refused, last_at=format_moment(latest))


def _concerned(record: KeyRecord, findings: Sequence[Finding]) -> Concerned:
    can_end = record.is_minted_here and record.state is not KeyState.REVOKED
    ending = [
        finding
        for finding in findings
        if can_end and action_for(find_rule(finding.rule).action, record) in _ENDS
    ]
    return Concerned(record, tuple(ending), tuple(each for each in findings if each not in ending))


def _planned(key: Concerned, measures: Measures, impact: Impact, since: int) -> PlannedKey:
    record = key.record
    policy = measures.of(record).policy
    return PlannedKey(
        name=record.name,
        id=format_id(record.id),
        version=impact.versions[record.id],
        owner=record.owner,
        steps=tuple(stage.text for stage in _stages(record, key.ending, policy)),
        findings=tuple(_told(finding) for finding in key.ending),
        callers=callers_of(record, impact.callers.get(record.id, ()), since),
    )


def _stages(record: KeyRecord, findings: Iterable[Finding], policy: Policy) -> list[Stage]:
    """A warning, a trial without the key, the end; what cannot wait for a warning is disabled at once."""
    steps = list(RemediationStep)
    if any(finding.severity is Severity.CRITICAL for finding in findings):
        steps.remove(RemediationStep.WARN)
    if record.state is KeyState.DISABLED:
        steps.remove(RemediationStep.DISABLE)
    pauses = {RemediationStep.WARN: policy.warn_for, RemediationStep.DISABLE: policy.disable_for}
    return [
        Stage(steps[0]),
        *(Stage(step, pauses[before]) for before, step in pairwise(steps)),
    ]


def _by_hand(key: Concerned, impact: Impact, since: int) -> ByHand:
    record = key.record
    return ByHand(
        name=record.name,
        id=format_id(record.id),
        source=record.source,
        external_id=record.external_id,
        owner=record.owner,
        findings=tuple(_told(finding, by_hand=True) for finding in key.others),
        callers=callers_of(record, impact.callers.get(record.id, ()), since),
    )


def _told(finding: Finding, *, by_hand: bool = False) -> PlannedFinding:
    return PlannedFinding(
        id=finding.id,
        rule=finding.rule,
        severity=finding.severity.value,
        message=finding.message,
        remedy=finding.remedy if by_hand else None,
    )
