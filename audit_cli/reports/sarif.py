"""The report as SARIF 2.1.0, for code scanning and for whatever collects findings of many tools."""

from typing import Any, assert_never

import msgspec

from audit_cli.reports.headline import summary
from audit_cli.reports.sarif_rules import descriptors, level, taxonomies
from audit_cli.reports.terminal import printable
from projections.audit.assessments import Assessment, Outcome
from projections.audit.comparison import Resolved
from projections.audit.findings import Finding
from projections.audit.report import AuditReport
from projections.audit.rule import Rule
from projections.audit.rules import RULES
from projections.audit.severity import Severity

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_SCOPE = (
    *("organization", "as_of", "position", "checkpoint", "policy", "policy_sha256", "rules_version"),
    "summary",
)
# SARIF 3.11.5 and 3.11.6: what would be a placeholder or a link.
_ACTIVE = str.maketrans({"{": "{{", "}": "}}", "\\": r"\\", "[": r"\[", "]": r"\]"})

Object = dict[str, Any]


def render_sarif(report: AuditReport) -> str:
    """A log of one run, whose results are the findings, then the assessments, then what is resolved."""
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report)]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode() + "\n"


def _run(report: AuditReport) -> Object:
    rules = [_as_judged(rule, report) for rule in RULES if rule.id in _told(report)]
    frameworks = taxonomies(rules)
    index = {rule.id: number for number, rule in enumerate(rules)}
    driver = {
        "name": "keyledger",
        "version": report.tool_version,
        "fullName": f"keyledger {report.tool_version}, rules {report.rules_version}",
        "rules": descriptors(rules, [each["name"] for each in frameworks]),
        "supportedTaxonomies": [
            {"name": each["name"], "index": number} for number, each in enumerate(frameworks)
        ],
    }
    return {
        "tool": {"driver": driver},
        "taxonomies": frameworks,
        "automationDetails": {
            "id": f"keyledger/{report.organization}/",
            "description": _text(summary(report)),
        },
        "invocations": [{"executionSuccessful": True}],
        "results": [*_findings(report, index), *_unfound(report, index), *_resolved(report, index)],
        "properties": {name: getattr(report, name) for name in _SCOPE},
    }


def _as_judged(rule: Rule, report: AuditReport) -> Rule:
    """The rule with the severity that the policy gives it in general."""
    setting = report.policy.get("rules", {}).get(rule.id, {})
    return msgspec.structs.replace(rule, severity=Severity(setting.get("severity", rule.severity)))


def _told(report: AuditReport) -> set[str]:
    """The rules that the report tells of."""
    resolved = [] if report.since is None else report.since.resolved
    told = {*report.summary.by_rule, *(each.rule for each in report.findings)}
    told |= {each.rule for each in report.unfound}
    return told | {each.rule for each in resolved if each.rule is not None}


def _findings(report: AuditReport, index: dict[str, int]) -> list[Object]:
    return [
        {
            **_result(index, finding.rule, finding.id),
            "kind": "fail",
            "level": level(finding.severity),
            "message": _text(f"{printable(finding.key_name)}: {finding.message}"),
            "locations": [_location(report, finding.key_id, finding.key_name)],
            "suppressions": _suppressions(finding),
            **_baseline(report, finding),
            "properties": {
                "severity": finding.severity,
                "keyId": finding.key_id,
                "externalId": finding.external_id,
                "evidence": finding.evidence,
                "remedy": finding.remedy,
            },
        }
        for finding in report.findings
    ]


def _unfound(report: AuditReport, index: dict[str, int]) -> list[Object]:
    return [
        {
            "ruleId": each.rule,
            "ruleIndex": index[each.rule],
            "kind": _kind(each),
            "level": "none",
            "message": _text(f"{printable(each.key_name)}: {each.reason or 'nothing was found'}"),
            "locations": [_location(report, each.key_id, each.key_name)],
            "suppressions": [],
            "properties": {"keyId": each.key_id, "externalId": each.external_id},
        }
        for each in report.unfound
    ]


def _resolved(report: AuditReport, index: dict[str, int]) -> list[Object]:
    """What an earlier audit found and this one does not; a rule or key that nobody knows is left out."""
    resolved = [] if report.since is None else report.since.resolved
    return [_absent(report, each, index) for each in resolved if each.rule is not None]


def _absent(report: AuditReport, resolved: Resolved, index: dict[str, int]) -> Object:
    rule_id, name = resolved.rule or "", resolved.key_name or ""
    return {
        **_result(index, rule_id, resolved.id),
        "kind": "pass",
        "level": "none",
        "message": _text(f"{printable(name)}: resolved since {report.since and report.since.since}"),
        "locations": [_location(report, resolved.key_id or "", name)],
        "suppressions": [],
        "baselineState": "absent",
    }


def _result(index: dict[str, int], rule_id: str, finding_id: str) -> Object:
    """What makes a result the same one in every run; GitHub looks at the second fingerprint alone."""
    return {
        "ruleId": rule_id,
        "ruleIndex": index[rule_id],
        "fingerprints": {"keyledgerFinding/v1": finding_id},
        "partialFingerprints": {"primaryLocationLineHash": f"{finding_id}:1"},
    }


def _location(report: AuditReport, key_id: str, name: str) -> Object:
    """The key; code scanning of GitHub refuses a whole log for one result that is in no artifact."""
    key = {
        "name": printable(name),
        "fullyQualifiedName": f"{report.organization}/{key_id}",
        "kind": "resource",
    }
    artifact = {"artifactLocation": {"uri": f"api-keys/{key_id}"}, "region": {"startLine": 1}}
    return {"physicalLocation": artifact, "logicalLocations": [key]}


def _suppressions(finding: Finding) -> list[Object]:
    """The waiver; an empty list says that there is none, and that there might have been.

    Without a status it counts as accepted; drafts of the format name that field otherwise.
    """
    waiver = finding.waiver
    if waiver is None:
        return []
    details = {"until": waiver.until, "owner": waiver.owner, "evidence": [waiver.position]}
    return [{"kind": "external", "justification": waiver.reason, "properties": details}]


def _baseline(report: AuditReport, finding: Finding) -> Object:
    if report.since is None:
        return {}
    return {"baselineState": "new" if finding.id in report.since.new else "unchanged"}


def _kind(assessment: Assessment) -> str:
    match assessment.outcome:
        case Outcome.PASSED:
            return "pass"
        case Outcome.NOT_APPLICABLE:
            return "notApplicable"
        case Outcome.NOT_ASSESSABLE:
            return "open"
        case Outcome.FAILED | Outcome.WAIVED:
            return "fail"
        case _:
            assert_never(assessment.outcome)


def _text(text: str) -> Object:
    return {"text": printable(text).translate(_ACTIVE)}
