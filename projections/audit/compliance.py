"""Compliance: what an audit means for each control of a standard."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec

from ledger.ids import format_id
from ledger.moments import parse_moment
from projections.audit.assessments import Assessment, Outcome
from projections.audit.crowding import CountedUsers, Crowding, crowding
from projections.audit.measure import Measures
from projections.audit.override import canonical_threshold
from projections.audit.pack import Demand, Pack, PackControl
from projections.audit.policy import Policy
from projections.audit.report import AuditReport
from projections.audit.rules import RULES
from projections.key_record import KeyRecord

SCHEMA = "keyledger.compliance/1"


class ControlStatus(StrEnum):
    """What can be said of a control."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ASSESSABLE = "not-assessable"


class RuleCounts(msgspec.Struct, frozen=True):
    """How many keys came out how by one rule."""

    rule: str
    failed: int
    waived: int
    passed: int
    not_assessable: int
    not_applicable: int


class FailedKey(msgspec.Struct, frozen=True):
    """A key that fails a control, by which rule; by none where its user has too many keys."""

    key_id: str
    key_name: str
    external_id: str | None
    rule: str | None
    finding: str | None


class ControlReport(msgspec.Struct, frozen=True):
    """One control; the reasons say why it failed or cannot be assessed. `counted`: where keys are counted."""

    framework: str
    id: str
    title: str
    status: ControlStatus
    reasons: list[str]
    rules: list[RuleCounts]
    keys: list[FailedKey]
    counted: CountedUsers | None = None


class ComplianceReport(msgspec.Struct, frozen=True):
    """The report of `keyledger.compliance/1`."""

    schema: str
    organization: str
    as_of: str
    position: int
    checkpoint: str | None
    pack: str
    title: str
    source: str | None
    keys: int
    policy: dict[str, Any]
    policy_sha256: str
    rules_version: str
    tool_version: str
    summary: dict[ControlStatus, int]
    controls: list[ControlReport]


def comply(pack: Pack, policy: Policy, report: AuditReport) -> ComplianceReport:
    """The controls of a pack, by a report of that policy that has its assessments."""
    evidence = _Evidence(pack, policy, report)
    controls = [_control(asked, evidence) for asked in pack.controls]
    counts = Counter(control.status for control in controls)
    return ComplianceReport(
        schema=SCHEMA,
        organization=report.organization,
        as_of=report.as_of,
        position=report.position,
        checkpoint=report.checkpoint,
        pack=pack.id,
        title=pack.title,
        source=pack.source,
        keys=evidence.keys,
        policy=report.policy,
        policy_sha256=report.policy_sha256,
        rules_version=report.rules_version,
        tool_version=report.tool_version,
        summary={status: counts[status] for status in ControlStatus},
        controls=controls,
    )


class _Evidence:
    """What an audit says of all controls, put in order once."""

    def __init__(self, pack: Pack, policy: Policy, report: AuditReport) -> None:
        records = [
            each.record for each in report.judged if pack.source is None or each.record.source == pack.source
        ]
        asked = {format_id(record.id) for record in records}
        self.records = records
        self.as_of = parse_moment(report.as_of)
        self.keys = len(records)
        self.source = pack.source
        self.by_rule: dict[str, list[Assessment]] = defaultdict(list)
        for assessment in report.assessments or ():
            if assessment.key_id in asked:
                self.by_rule[assessment.rule].append(assessment)
        measures = Measures(policy, RULES)
        self.off = {rule.id for rule in measures.general.off}
        # The policy in general, and what its overrides make of it for so many keys.
        special = Counter(map(measures.overrides, records))
        self.policies: list[tuple[Policy, int | None]] = [
            (policy, None),
            *((measures.under(those).policy, special[those]) for those in sorted(special) if those),
        ]

    def crowding(self, demand: Demand) -> Crowding | None:
        """The count of each user's keys, where a control allows so many."""
        most = demand.most_active_keys
        return None if most is None else crowding(self.records, self.as_of, most)


def _control(asked: PackControl, evidence: _Evidence) -> ControlReport:
    demand, crowds = asked.demand, evidence.crowding(asked.demand)
    by_rule = {rule_id: evidence.by_rule[rule_id] for rule_id in asked.rules}
    failures = [
        *_looser(demand, evidence.policies),
        *(reason for rule_id, found in by_rule.items() for reason in _failures(rule_id, found)),
        *(crowds.failures if crowds else ()),
    ]
    unknown = [
        *(f"{rule_id}: the rule is switched off" for rule_id in asked.rules if rule_id in evidence.off),
        *(
            reason
            for rule_id, found in by_rule.items()
            if rule_id not in evidence.off
            for reason in _gaps(rule_id, found)
        ),
        *(crowds.gaps if crowds else ()),
        *([demand.partial] if demand.partial else ()),
        *(() if evidence.keys else (_no_key(evidence.source),)),
    ]
    failed = [each for found in by_rule.values() for each in _with(found, Outcome.FAILED)]
    return ControlReport(
        framework=asked.control.framework,
        id=asked.control.id,
        title=asked.control.title,
        status=_status(failures, unknown),
        reasons=[*failures, *unknown],
        rules=[_counts(rule_id, found) for rule_id, found in by_rule.items()],
        keys=[*map(_failed, failed), *(map(_crowded, crowds.keys) if crowds else ())],
        counted=None if crowds is None else crowds.counted,
    )


def _status(failures: list[str], unknown: list[str]) -> ControlStatus:
    if failures:
        return ControlStatus.FAILED
    return ControlStatus.NOT_ASSESSABLE if unknown else ControlStatus.PASSED


def _looser(demand: Demand, policies: list[tuple[Policy, int | None]]) -> Iterator[str]:
    """Where a policy allows more than a control does, or looks at less."""
    limits: list[tuple[str, Any, bool]] = [
        *((name, limit, True) for name, limit in demand.at_most.items()),
        *((name, limit, False) for name, limit in demand.at_least.items()),
    ]
    for name, limit, is_most in limits:
        for policy, keys in policies:
            allowed: Any = getattr(policy, name)
            if (allowed > limit) if is_most else (allowed < limit):
                whom = "" if keys is None else f" for {_keys(keys)}"
                verb, bound = ("allows", "most") if is_most else ("has", "least")
                yield (
                    f"the policy {verb} {name}={canonical_threshold(allowed)}{whom},"
                    f" the control demands {canonical_threshold(limit)} at {bound}"
                )


def _failures(rule_id: str, found: list[Assessment]) -> Iterator[str]:
    if failed := _with(found, Outcome.FAILED):
        yield f"{rule_id}: {_keys(len(failed))} failed"


def _gaps(rule_id: str, found: list[Assessment]) -> Iterator[str]:
    """Why a rule could not be answered for some keys, the most frequent reason as an example."""
    reasons = Counter(each.reason for each in _with(found, Outcome.NOT_ASSESSABLE))
    if reasons:
        reason, _ = min(reasons.items(), key=lambda each: (-each[1], each[0] or ""))
        among = "among other reasons, " if len(reasons) > 1 else ""
        yield f"{rule_id}: {_keys(reasons.total())} not assessable: {among}{reason}"


def _counts(rule_id: str, found: list[Assessment]) -> RuleCounts:
    counts = Counter(assessment.outcome for assessment in found)
    return RuleCounts(rule_id, *(counts[outcome] for outcome in Outcome))


def _failed(assessment: Assessment) -> FailedKey:
    return FailedKey(
        assessment.key_id, assessment.key_name, assessment.external_id, assessment.rule, assessment.finding
    )


def _crowded(record: KeyRecord) -> FailedKey:
    return FailedKey(format_id(record.id), record.name, record.external_id, None, None)


def _with(found: list[Assessment], outcome: Outcome) -> list[Assessment]:
    return [assessment for assessment in found if assessment.outcome is outcome]


def _keys(count: int) -> str:
    return "1 key" if count == 1 else f"{count} keys"


def _no_key(source: str | None) -> str:
    whose = "" if source is None else f" of {source}"
    return f"the ledger knows of no key{whose}, so there was nothing to look at"
