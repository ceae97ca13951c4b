"""Recorded audits, waivers and what they do to reports, through the command line."""

import shutil
from pathlib import Path

import pytest

from audit_cli.reports.formats import Format
from tests.door import Door


@pytest.fixture
def audited(keyledger: Door) -> Door:
    """Two findings of one rule, one of them waived, and the audit recorded."""
    keyledger.create("tmp")
    keyledger.create("foo")
    keyledger.well(
        "waive", "foo", "undescriptive-name", "--reason", "spare", "--owner", "ops", "--until", "30d"
    )
    keyledger.well("audit", "--record", "--fail-on", "none")
    return keyledger


def test_a_waived_finding_stays_in_every_report_and_fails_none(keyledger: Door) -> None:
    keyledger.create("tmp")
    waive = (
        "waive",
        "tmp",
        "undescriptive-name",
        "--reason",
        "short|lived",
        "--owner",
        "ops",
        "--until",
        "30d",
    )
    keyledger.well(*waive)

    answer = keyledger.well("audit", "--fail-on", "info", "--format", "json")

    (finding,) = answer.json["findings"]
    assert finding["status"] == "waived"
    assert (finding["waiver"]["reason"], finding["waiver"]["owner"]) == ("short|lived", "ops")
    assert answer.json["summary"]["waived"] == 1
    for form in ("table", "csv", "markdown", "jsonl"):
        assert "lived" in keyledger.well("audit", "--format", form).out


def test_waivers_are_listed_with_their_state(audited: Door) -> None:
    (waiver,) = audited.well("waivers", "--format", "json").json["waivers"]

    assert (waiver["rule"], waiver["key_name"], waiver["state"]) == ("undescriptive-name", "foo", "live")
    assert "live" in audited.well("waivers").out


def test_a_withdrawn_waiver_opens_the_finding_again(audited: Door) -> None:
    audited.well("unwaive", "foo", "undescriptive-name", "--reason", "renamed soon")

    assert audited("audit", "--fail-on", "info").status == 3
    again = audited("unwaive", "foo", "undescriptive-name")
    assert (again.status, again.err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (("waive", "tmp", "no-such-rule"), 1, "no rule"),
        (("waive", "no-such-key", "aged-key"), 1, "no-such-key"),
    ],
)
def test_what_cannot_be_waived_is_told(
    audited: Door, arguments: tuple[str, ...], status: int, complaint: str
) -> None:
    answer = audited(*arguments, "--reason", "x", "--owner", "ops", "--until", "30d")

    assert answer.status == status
    assert complaint in answer.err


@pytest.mark.parametrize("until", ["soon", "2026-13-01T00:00:00Z", "-3d"])
def test_an_end_that_is_none_is_wrong_usage(audited: Door, until: str) -> None:
    answer = audited("waive", "tmp", "aged-key", "--reason", "x", "--owner", "ops", f"--until={until}")

    assert answer.status == 2


def test_that_no_audit_was_recorded_is_said_and_no_empty_table_printed(keyledger: Door) -> None:
    listed = keyledger.well("audit-history")

    assert (listed.out, listed.err) == (
        "",
        "No audit has been recorded; `keyledger audit --record` does so.\n",
    )


def test_recorded_audits_are_listed(audited: Door) -> None:
    (run,) = audited.well("audit-history", "--format", "json").json["runs"]

    assert (run["keys"], run["findings"], run["waived"]) == (2, 1, 1)
    assert run["recorded_by"] == "ada@example.com"
    assert run["id"][:8] in audited.well("audit-history").out


def test_a_recorded_report_is_derived_again_whatever_has_happened_since(audited: Door) -> None:
    # given changes that would each give another report
    (run,) = audited.well("audit-history", "--format", "json").json["runs"]
    audited.well("unwaive", "foo", "undescriptive-name")
    audited.well("key", "revoke", "tmp", "--yes")
    audited.create("bar")

    answer = audited.well("reproduce", run["id"][:8], "--format", "json")

    assert run["report_sha256"] in answer.err
    assert [(f["key_name"], f["status"]) for f in answer.json["findings"]] == [
        ("foo", "waived"),
        ("tmp", "open"),
    ]


def test_rules_and_policy_of_a_run_are_those_of_its_report(keyledger: Door) -> None:
    keyledger.create("tmp")
    rules = ("--rule", "undescriptive-name", "--rule", "no-usage-data")
    said = keyledger.well(
        "audit", *rules, "--max-age", "3d", "--record", "--fail-on", "none", "--format", "json"
    )

    again = keyledger.well("reproduce", "--format", "json")

    assert again.out == said.out


def test_a_rule_that_is_named_twice_is_asked_once_and_its_report_derived_again(keyledger: Door) -> None:
    keyledger.create("tmp")
    twice = ("--rule", "undescriptive-name", "--rule", "undescriptive-name")

    said = keyledger.well("audit", *twice, "--record", "--fail-on", "none", "--format", "json")

    assert len(said.json["findings"]) == said.json["summary"]["findings"] == 1
    assert keyledger.well("reproduce", "--format", "json").out == said.out


@pytest.mark.parametrize("named", [(), ("--rule", "no-expiry")], ids=["by-the-policy", "by-name"])
def test_a_rule_that_is_on_for_some_keys_alone_is_asked_again_of_the_same(
    keyledger: Door, named: tuple[str, ...]
) -> None:
    # given a policy that asks one rule, and of one key alone
    rules = [rule["id"] for rule in keyledger.well("rules", "--format", "json").json["rules"]]
    off = "".join(f"[rules.{rule}]\nenabled = false\n" for rule in rules)
    on = '[[override]]\nname = "ci-*"\n[override.rules.no-expiry]\nenabled = true\n'
    (keyledger.folder / "policy.toml").write_text(off + on)
    keyledger.create("ci-deploy")
    keyledger.create("billing-sync")
    asked = ("--policy", str(keyledger.folder / "policy.toml"), *named)

    said = keyledger.well("audit", *asked, "--record", "--fail-on", "none", "--format", "json")
    again = keyledger.well("reproduce", "--format", "json")

    assert len(said.json["findings"]) == (2 if named else 1)
    assert again.out == said.out


def test_a_run_that_says_another_digest_fails(audited: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a later version of the rules
    monkeypatch.setattr("projections.audit.report.RULES_VERSION", "999")

    answer = audited("reproduce", "last")

    assert answer.status == 4
    assert "999" in answer.err


def test_without_a_recorded_audit_there_is_none_to_reproduce(keyledger: Door) -> None:
    answer = keyledger("reproduce")

    assert (answer.status, answer.err.count("\n")) == (1, 1)
    assert "--record" in answer.err


def test_what_has_changed_since_a_run_is_told(audited: Door) -> None:
    audited.well("key", "revoke", "tmp", "--yes")
    audited.create("abc")
    audited.create("github-actions-prod")

    report = audited.well("audit", "--since", "last", "--fail-on", "none", "--format", "json").json

    names = {finding["id"]: finding["key_name"] for finding in report["findings"]}
    assert [names[each] for each in report["since"]["new"]] == ["abc"]
    assert report["since"]["persisting"] == []
    assert [(each["rule"], each["key_name"]) for each in report["since"]["resolved"]] == [
        ("undescriptive-name", "tmp")
    ]
    assert "1 resolved" in audited.well("audit", "--since", "last", "--fail-on", "none").out


def test_what_was_not_asked_again_is_not_told_as_resolved(audited: Door) -> None:
    some = ("audit", "--since", "last", "--rule", "aged-key", "--fail-on", "none", "--format", "json")

    assert audited.well(*some).json["since"]["resolved"] == []


def test_a_finding_that_was_accepted_since_persists(audited: Door) -> None:
    said = ("--reason", "spare", "--owner", "ops", "--until", "30d")
    audited.well("waive", "tmp", "undescriptive-name", *said)

    report = audited.well("audit", "--since", "last", "--format", "json").json

    ids = {finding["key_name"]: finding["id"] for finding in report["findings"]}
    assert (report["since"]["persisting"], report["since"]["resolved"]) == ([ids["tmp"]], [])


def test_what_has_changed_since_a_day_is_told(audited: Door) -> None:
    arguments = ("audit", "--since", "2020-01-01T00:00:00Z", "--fail-on", "none", "--format", "json")

    report = audited.well(*arguments).json

    assert len(report["since"]["new"]) == 1
    assert report["since"]["since"] == "2020-01-01T00:00:00Z"


def test_a_report_of_a_position_tells_what_the_ledger_held_then(audited: Door) -> None:
    audited.well("key", "revoke", "tmp", "--yes")

    report = audited.well("audit", "--at-position", "4", "--fail-on", "none", "--format", "json").json

    assert report["position"] == 4
    assert [(f["key_name"], f["status"]) for f in report["findings"]] == [("foo", "open"), ("tmp", "open")]
    beyond = audited("audit", "--at-position", "400")
    assert (beyond.status, beyond.err.count("\n")) == (1, 1)


@pytest.mark.parametrize("form", Format)
@pytest.mark.sqlite_only(reason="copies the file of the ledger to another machine")
def test_two_machines_copies_of_a_ledger_give_the_same_bytes(
    audited: Door, form: str, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    audited.well("backup", str(copy))
    shutil.copy(copy, tmp_path / "other.db")
    asked = ("audit", "--as-of", "2030-01-01T00:00:00Z", "--fail-on", "none", "--format", form)
    here = audited.process(*asked, environment={"TZ": "UTC", "PYTHONHASHSEED": "1", "COLUMNS": "80"})

    there = audited.process(
        *asked,
        environment={
            "KEYLEDGER_URL": str(tmp_path / "other.db"),
            "TZ": "Pacific/Auckland",
            "LC_ALL": "C",
            "PYTHONHASHSEED": "2",
            "COLUMNS": "80",
        },
    )

    assert here.out == there.out != ""


def test_a_recorded_page_is_reproduced_byte_for_byte_when_the_ledger_has_grown(keyledger: Door) -> None:
    keyledger.create("test")
    keyledger("audit", "--record", "--format", "html", "-o", "then.html")
    keyledger.create("one-more")

    keyledger.well("reproduce", "last", "--format", "html", "-o", "again.html")

    then, again = ((keyledger.folder / name).read_bytes() for name in ("then.html", "again.html"))
    assert then == again
    assert b"1 key" in then
