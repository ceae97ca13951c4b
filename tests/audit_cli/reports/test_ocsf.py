import json
from functools import cache
from typing import Any

import jsonschema
import msgspec
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from audit_cli.reports.formats import Format, render
from audit_cli.reports.ocsf import OCSF_VERSION
from projections.audit.report import AuditReport, audit
from tests.audit_cli.reports.test_sarif import ASSESSED, CLEAN, compared, waived
from tests.projections.audit.samples import SCOPE, sample

Event = dict[str, Any]


@cache
def schema() -> jsonschema.Draft202012Validator:
    """What the framework publishes of the class of our events."""
    published = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=OCSF_VERSION))
    name = published.lookup_class_name_from_uid(class_uid=2003)
    return jsonschema.Draft202012Validator(published.get_class_schema(class_name=name, profiles=[]))


def events(report: AuditReport) -> list[Event]:
    return [json.loads(line) for line in render(report, Format.OCSF).splitlines()]


@pytest.mark.parametrize(
    "report",
    [sample(), CLEAN, ASSESSED, waived(), compared()],
    ids=["findings", "clean", "assessed", "waived", "since"],
)
def test_every_line_is_a_compliance_finding_as_the_framework_has_it(report: AuditReport) -> None:
    for event in events(report):
        assert [error.message for error in schema().iter_errors(event)] == []
        assert (event["class_uid"], event["metadata"]["version"]) == (2003, OCSF_VERSION)
        assert event["type_uid"] == 200300 + event["activity_id"]


def test_what_the_framework_does_not_know_is_refused_by_what_these_tests_use() -> None:
    event = events(CLEAN)[0]

    assert not schema().is_valid(event | {"organization": "acme"})


def test_a_checkpoint_is_told_with_what_else_the_audit_ran_on() -> None:
    report = audit(msgspec.structs.replace(SCOPE, checkpoint="1234:abcd"), [])
    (event,) = events(report)

    assert event["metadata"]["tenant_uid"] == "acme"
    assert event["metadata"]["labels"] == [
        "as_of:2026-01-01T00:00:00Z",
        "position:1234",
        "checkpoint:1234:abcd",
        f"policy_sha256:{report.policy_sha256}",
        f"rules_version:{report.rules_version}",
    ]


def test_the_first_event_is_of_the_audit_itself_clean_or_not() -> None:
    (clean,), (found, *_) = events(CLEAN), events(sample())

    assert (clean["compliance"]["status"], clean["severity"]) == ("Pass", "Informational")
    assert (found["compliance"]["status"], found["severity"]) == ("Fail", "Critical")
    assert {each["uid"] for each in found["compliance"]["checks"]} == set(sample().summary.by_rule)
    assert clean["finding_info"]["uid"] == found["finding_info"]["uid"]


def test_each_finding_names_its_key_its_controls_and_the_events_that_show_it() -> None:
    report = sample()
    keys = {key.id: key for key in report.keys}
    for event, finding in zip(events(report)[1:], report.findings, strict=True):
        (resource,) = event["resources"]
        assert resource["uid"] == finding.key_id
        assert resource.get("owner", {}).get("name") == keys[finding.key_id].owner
        assert event["finding_info"]["uid"] == finding.id
        assert event["compliance"]["control"] == finding.rule
        assert event["compliance"]["status"] == "Fail"
        assert event["severity"].lower()[:4] == finding.severity[:4]
        assert [each["data"]["position"] for each in event["evidences"]] == list(finding.evidence)
        assert event["remediation"]["desc"].endswith(finding.remedy)
        assert event["time"] == 1_767_225_600_000
        assert event["message"].isprintable()


def test_a_waived_finding_is_suppressed_and_says_why() -> None:
    first, second, *_ = events(waived())[1:]

    assert (first["status"], first["comment"]) == ("Suppressed", "moves in {January} [soon]")
    assert second["status"] == "New"
    assert "comment" not in second


def test_assessments_pass_or_are_unknown_and_never_more() -> None:
    found = events(ASSESSED)[1 + len(ASSESSED.findings) :]

    told = {"passed": "Pass", "not-applicable": "Not applicable", "not-assessable": "Unknown"}
    assert [each["compliance"]["status"] for each in found] == [
        told[each.outcome] for each in ASSESSED.unfound
    ]


def test_a_comparison_creates_updates_and_closes() -> None:
    _, first, *others, last = events(compared())

    assert first["activity_name"] == "Create"
    assert {each["activity_name"] for each in others} == {"Update"}
    assert (last["activity_name"], last["status"], last["compliance"]["status"]) == (
        "Close",
        "Resolved",
        "Pass",
    )
