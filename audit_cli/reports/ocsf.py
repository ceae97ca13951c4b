"""The report as Compliance Findings of the Open Cybersecurity Schema Framework, for a SIEM or a data lake."""

from collections.abc import Iterator
from enum import IntEnum
from operator import attrgetter
from typing import Any, assert_never

import msgspec

from audit_cli.reports.headline import summary, told
from audit_cli.reports.terminal import printable
from ledger.moments import parse_moment
from projections.audit.assessments import Assessment, Outcome
from projections.audit.comparison import Resolved
from projections.audit.findings import FindingStatus
from projections.audit.report import AuditedKey, AuditReport
from projections.audit.rule import Rule
from projections.audit.rules import find_rule
from projections.audit.severity import Severity

OCSF_VERSION = "1.8.0"

_CATEGORY = 2
_CLASS = 2003
_RULE_ANALYTIC = 1
_MICROSECONDS = 1_000  # in a millisecond
_SUMMARY_UID = "keyledger-audit"
_SEVERITIES = {
    Severity.INFO: (1, "Informational"),
    Severity.LOW: (2, "Low"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.HIGH: (4, "High"),
    Severity.CRITICAL: (5, "Critical"),
}
_SCOPE = ("as_of", "position", "checkpoint", "policy_sha256", "rules_version")

Object = dict[str, Any]


class _Activity(IntEnum):
    CREATE = 1
    UPDATE = 2
    CLOSE = 3


class _Status(IntEnum):
    NEW = 1
    SUPPRESSED = 3
    RESOLVED = 4


class _Verdict(IntEnum):
    UNKNOWN = 0
    PASS = 1
    FAIL = 3
    OTHER = 99


def render_ocsf(report: AuditReport) -> str:
    """An event a line: one of the audit itself, then of each finding, assessment and resolved finding.

    So a clean audit has a line too, which an audit that failed has not.
    """
    keys = {key.id: key for key in report.keys}
    events = [
        _audit(report),
        *_findings(report, keys),
        *_unfound(report, keys),
        *_resolved(report, keys),
    ]
    return "".join(msgspec.json.encode(event).decode() + "\n" for event in events)


def _audit(report: AuditReport) -> Object:
    """The audit as a whole: which rules were asked, and whether one of them found anything."""
    worst = max(
        (each.severity for each in report.open_findings), key=attrgetter("rank"), default=Severity.INFO
    )
    counts = report.summary.by_rule
    checks = [
        {"uid": rule_id, "name": find_rule(rule_id).title, **_status(_verdict(failed=count > 0))}
        for rule_id, count in counts.items()
    ]
    about = {"control": "API key audit", "checks": checks, **_status(_verdict(failed=any(counts.values())))}
    info = {"uid": _SUMMARY_UID, "title": "API key audit", "desc": summary(report)}
    return {
        **_event(report, worst, _Activity.CREATE, summary(report)),
        "compliance": about,
        "finding_info": info,
        "unmapped": {"policy": report.policy, "summary": report.summary},
    }


def _findings(report: AuditReport, keys: dict[str, AuditedKey]) -> Iterator[Object]:
    before = frozenset(report.since.persisting) if report.since else frozenset[str]()
    for finding in report.findings:
        rule = find_rule(finding.rule)
        activity = _Activity.UPDATE if finding.id in before else _Activity.CREATE
        is_waived = finding.status is FindingStatus.WAIVED
        yield {
            **_event(report, finding.severity, activity, f"{finding.key_name}: {told(finding)}"),
            "status_id": _Status.SUPPRESSED if is_waived else _Status.NEW,
            "status": "Suppressed" if is_waived else "New",
            **({"comment": printable(finding.waiver.reason)} if finding.waiver else {}),
            "compliance": _compliance(rule, _Verdict.FAIL),
            "finding_info": _info(finding.id, rule, printable(finding.message), report),
            "resources": [_resource(report, finding.key_id, finding.key_name, keys)],
            "evidences": [_evidence(position) for position in finding.evidence],
            "remediation": {"desc": printable(f"{rule.resolution} {finding.remedy}")},
        }


def _unfound(report: AuditReport, keys: dict[str, AuditedKey]) -> Iterator[Object]:
    for each in report.unfound:
        rule = find_rule(each.rule)
        said = each.reason or "nothing was found"
        yield {
            **_event(report, Severity.INFO, _Activity.CREATE, f"{each.key_name}: {each.rule}: {said}"),
            "compliance": _compliance(rule, _assessed(each), each.reason),
            "finding_info": _info(f"{each.key_id}:{each.rule}", rule, rule.meaning, report),
            "resources": [_resource(report, each.key_id, each.key_name, keys)],
        }


def _resolved(report: AuditReport, keys: dict[str, AuditedKey]) -> Iterator[Object]:
    """What an earlier audit found and this one does not, where rule and key are still known."""
    for each in report.since.resolved if report.since else ():
        if each.rule is not None and each.key_id is not None:
            yield _closed(report, each, each.rule, each.key_id, keys)


def _closed(
    report: AuditReport, each: Resolved, rule_id: str, key_id: str, keys: dict[str, AuditedKey]
) -> Object:
    rule, name = find_rule(rule_id), each.key_name or key_id
    return {
        **_event(report, rule.severity, _Activity.CLOSE, f"{name}: {rule_id} is resolved"),
        "status_id": _Status.RESOLVED,
        "status": "Resolved",
        "compliance": _compliance(rule, _Verdict.PASS),
        "finding_info": _info(each.id, rule, rule.meaning, report),
        "resources": [_resource(report, key_id, name, keys)],
    }


def _event(report: AuditReport, severity: Severity, activity: _Activity, message: str) -> Object:
    """What events of the class have in common; its time is the moment for which the audit answers."""
    severity_id, severity_name = _SEVERITIES[severity]
    product = {"name": "keyledger", "vendor_name": "keyledger", "version": report.tool_version}
    labels = [f"{name}:{getattr(report, name)}" for name in _SCOPE if getattr(report, name) is not None]
    return {
        "category_uid": _CATEGORY,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Compliance Finding",
        "activity_id": activity,
        "activity_name": activity.name.capitalize(),
        "type_uid": _CLASS * 100 + activity,
        "type_name": f"Compliance Finding: {activity.name.capitalize()}",
        "time": parse_moment(report.as_of) // _MICROSECONDS,
        "severity_id": severity_id,
        "severity": severity_name,
        "message": printable(message),
        "metadata": {
            "version": OCSF_VERSION,
            "product": product,
            "tenant_uid": report.organization,
            "labels": labels,
        },
    }


def _info(uid: str, rule: Rule, text: str, report: AuditReport) -> Object:
    analytic = {"type_id": _RULE_ANALYTIC, "type": "Rule", "uid": rule.id, "name": rule.title}
    return {
        "uid": uid,
        "title": rule.title,
        "desc": text,
        "types": [rule.id],
        "analytic": analytic | {"version": report.rules_version},
    }


def _compliance(rule: Rule, verdict: _Verdict, reason: str | None = None) -> Object:
    """The rule as the control that was checked, and the controls of standards that it answers."""
    controls = rule.controls
    return {
        "control": rule.id,
        "desc": rule.meaning,
        "standards": list(dict.fromkeys(control.framework for control in controls)),
        "requirements": [str(control) for control in controls],
        "checks": [
            {"uid": each.id, "name": each.title, "standards": [each.framework], **_status(verdict)}
            for each in controls
        ],
        **_status(verdict),
        **({"status_details": [printable(reason)]} if reason else {}),
    }


def _resource(report: AuditReport, key_id: str, name: str, keys: dict[str, AuditedKey]) -> Object:
    key = keys.get(key_id)
    about: Object = {
        "uid": key_id,
        "name": printable(name),
        "type": "API key",
        "namespace": report.organization,
    }
    if key is None:
        return about
    about["data"] = {
        each: getattr(key, each)
        for each in ("source", "kind", "state", "usage", "created_at", "last_used_at", "services")
    }
    if key.external_id is not None:
        about["uid_alt"] = printable(key.external_id)
    if key.owner is not None:
        about["owner"] = {"name": printable(key.owner)}
    return about


def _evidence(position: int) -> Object:
    return {"name": f"event {position}", "uid": str(position), "data": {"position": position}}


def _assessed(assessment: Assessment) -> _Verdict:
    match assessment.outcome:
        case Outcome.PASSED:
            return _Verdict.PASS
        case Outcome.NOT_APPLICABLE:
            return _Verdict.OTHER
        case Outcome.NOT_ASSESSABLE:
            return _Verdict.UNKNOWN
        case Outcome.FAILED | Outcome.WAIVED:
            return _Verdict.FAIL
        case _:
            assert_never(assessment.outcome)


def _verdict(*, failed: bool) -> _Verdict:
    return _Verdict.FAIL if failed else _Verdict.PASS


def _status(verdict: _Verdict) -> Object:
    name = "Not applicable" if verdict is _Verdict.OTHER else verdict.name.capitalize()
    return {"status_id": verdict, "status": name}
