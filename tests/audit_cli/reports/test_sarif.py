import json
from typing import Any

import msgspec
import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as SarifLog

from audit_cli.reports.formats import Format, render
from audit_cli.reports.sarif_rules import level, security_severity
from projections.audit.comparison import Comparison, Resolved
from projections.audit.findings import FindingStatus, FindingWaiver
from projections.audit.policy import Policy
from projections.audit.report import AuditReport, audit
from projections.audit.rule_setting import RuleSetting
from projections.audit.rules import RULES, find_rule
from projections.audit.severity import Severity
from tests.projections.audit.records import minted
from tests.projections.audit.samples import RECORDS, SCOPE, sample

CLEAN = audit(SCOPE, [minted()])
ASSESSED = audit(SCOPE, RECORDS, assess=True)
WAIVER = FindingWaiver("2026-02-01T00:00:00Z", "moves in {January} [soon]", "ada@example.com", 88)


def waived() -> AuditReport:
    report = sample()
    first = msgspec.structs.replace(report.findings[0], status=FindingStatus.WAIVED, waiver=WAIVER)
    return msgspec.structs.replace(report, findings=[first, *report.findings[1:]])


def compared() -> AuditReport:
    """The sample with one finding that is new, others that are not, and two that are gone."""
    report = sample()
    gone = [
        Resolved("00" * 8, "aged-key", "k" * 36, "old {0} [key](1)"),
        Resolved("ff" * 8, None, None, None),
    ]
    new, *persisting = (finding.id for finding in report.findings)
    return msgspec.structs.replace(report, since=Comparison("run 1", [new], persisting, gone))


def run(report: AuditReport) -> dict[str, Any]:
    (only,) = json.loads(render(report, Format.SARIF))["runs"]
    found: dict[str, Any] = only
    return found


@pytest.mark.parametrize(
    "report",
    [sample(), CLEAN, ASSESSED, waived(), compared()],
    ids=["findings", "clean", "assessed", "waived", "since"],
)
def test_the_log_is_what_the_published_schema_asks_for(report: AuditReport) -> None:
    log = SarifLog.model_validate_json(render(report, Format.SARIF))

    assert log.version.value == "2.1.0"
    assert len(log.runs) == 1


def test_what_the_schema_does_not_know_is_refused_by_what_these_tests_use() -> None:
    log = json.loads(render(sample(), Format.SARIF))
    log["runs"][0]["results"][0]["severity"] = "high"

    with pytest.raises(ValueError, match="severity"):
        SarifLog.model_validate(log)


def test_each_finding_is_a_result_of_its_rule_with_its_level_and_its_key() -> None:
    report = sample()
    found = run(report)
    rules = found["tool"]["driver"]["rules"]
    for result, finding in zip(found["results"], report.findings, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.rule
        assert result["level"] == level(finding.severity)
        assert result["properties"]["evidence"] == list(finding.evidence)
        ((location,),) = ((each,) for each in result["locations"])
        assert location["logicalLocations"][0]["fullyQualifiedName"] == f"acme/{finding.key_id}"
        assert location["physicalLocation"]["artifactLocation"]["uri"] == f"api-keys/{finding.key_id}"


def test_a_finding_is_known_again_in_another_run() -> None:
    later = audit(msgspec.structs.replace(SCOPE, position=5678, as_of=SCOPE.as_of + 1_000_000), RECORDS)
    before, after = (run(report)["results"] for report in (sample(), later))

    assert [each["fingerprints"] for each in before] == [each["fingerprints"] for each in after]
    assert len({each["partialFingerprints"]["primaryLocationLineHash"] for each in before}) == len(before)


def test_a_waived_finding_is_suppressed_with_its_reason_and_no_other_is() -> None:
    first, *others = run(waived())["results"]

    (suppression,) = first["suppressions"]
    assert suppression["kind"] == "external"
    assert suppression["justification"] == WAIVER.reason
    assert suppression["properties"] == {
        "until": "2026-02-01T00:00:00Z",
        "owner": "ada@example.com",
        "evidence": [88],
    }
    assert {len(each["suppressions"]) for each in others} == {0}


def test_every_rule_explains_itself_and_points_at_the_controls_that_it_answers() -> None:
    found = run(CLEAN)
    frameworks = found["taxonomies"]
    rules = found["tool"]["driver"]["rules"]

    assert [each["id"] for each in rules] == [rule.id for rule in RULES if rule.default_on]
    for each in rules:
        rule = find_rule(each["id"])
        assert rule.resolution in each["help"]["text"]
        assert each["properties"]["security-severity"] == security_severity(rule.severity)
        targets = [relation["target"] for relation in each["relationships"]]
        assert [
            (frameworks[target["toolComponent"]["index"]]["name"], target["id"]) for target in targets
        ] == [(control.framework, control.id) for control in rule.controls]
        for target in targets:
            taxa = frameworks[target["toolComponent"]["index"]]["taxa"]
            assert target["id"] in [taxon["id"] for taxon in taxa]


def test_a_rule_has_the_severity_that_the_policy_gives_it() -> None:
    policy = Policy(rules={"aged-key": RuleSetting(severity=Severity.CRITICAL)})
    found = run(audit(msgspec.structs.replace(SCOPE, policy=policy), RECORDS))

    levels = {each["id"]: each["defaultConfiguration"]["level"] for each in found["tool"]["driver"]["rules"]}
    assert levels["aged-key"] == "error"
    assert levels["unused-key"] == "warning"
    assert {each["level"] for each in found["results"] if each["ruleId"] == "aged-key"} == {"error"}


def test_no_name_makes_a_placeholder_or_a_link_of_a_message() -> None:
    texts = [each["message"]["text"] for each in run(sample())["results"]]

    assert any(r"\[x\](y)" in text for text in texts)
    for text in texts:
        assert text.isprintable()
        assert "[" not in text.replace(r"\[", "")
        assert "{" not in text.replace("{{", "")


def test_assessments_say_what_was_passed_and_what_could_not_be_told() -> None:
    found = run(ASSESSED)["results"][len(ASSESSED.findings) :]

    assert {each["level"] for each in found} == {"none"}
    kinds = {"passed": "pass", "not-applicable": "notApplicable", "not-assessable": "open"}
    assert [each["kind"] for each in found] == [kinds[each.outcome] for each in ASSESSED.unfound]


def test_a_comparison_tells_new_old_and_resolved_results_apart() -> None:
    first, *others, last = run(compared())["results"]

    assert first["baselineState"] == "new"
    assert {each["baselineState"] for each in others} == {"unchanged"}
    assert (last["baselineState"], last["kind"]) == ("absent", "pass")
    assert last["message"]["text"].startswith(r"old {{0}} \[key\](1): resolved since run 1")


def test_every_severity_has_a_level_and_a_score_and_they_rise_together() -> None:
    assert [level(severity) for severity in Severity] == ["note", "note", "warning", "error", "error"]
    scores = [float(security_severity(severity)) for severity in Severity]
    assert scores == sorted(set(scores))


def test_the_run_says_what_it_ran_on() -> None:
    properties = run(CLEAN)["properties"]

    assert properties["organization"] == "acme"
    assert properties["position"] == 1234
    assert properties["policy_sha256"] == CLEAN.policy_sha256
    assert properties["summary"]["keys"] == 1
