"""Policies at the door: files, packs, flags and settings, and reports by them."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.door import Answer, Door

POLICY = """\
max_age = "30d"

[rules.undescriptive-name]
severity = "high"

[[override]]
name = "ci-*"
[override.rules.undescriptive-name]
enabled = false
"""
FAULTY = 'unsued_for = "1d"\n\nmax_age = 3\n[rules.nope]\nenabled = true\n'


def wrote(door: Door, text: str = POLICY, name: str = "policy.toml") -> str:
    (door.folder / name).write_text(text)
    return name


def findings(answer: Answer) -> list[tuple[str, str, str]]:
    return [(each["key_name"], each["rule"], each["severity"]) for each in answer.json["findings"]]


def policy_of(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = answer.json["policy"]
    return found


def test_an_audit_goes_by_the_policy_file_and_prints_what_it_says(keyledger: Door) -> None:
    keyledger.create("test")
    keyledger.create("ci-test")
    file = wrote(keyledger)

    answer = keyledger("audit", "--policy", file, "--format", "json")

    assert answer.status == 3
    assert findings(answer) == [("test", "undescriptive-name", "high")]
    assert policy_of(answer)["max_age"] == "30d"
    assert policy_of(answer)["override"] == [
        {"name": "ci-*", "rules": {"undescriptive-name": {"enabled": False}}}
    ]
    text = " ".join(keyledger("audit", "--policy", file).out.split())
    assert "undescriptive-name high; for name=ci-*: undescriptive-name off" in text


def test_flags_go_before_the_policy(keyledger: Door) -> None:
    file = wrote(keyledger)

    answer = keyledger.well("audit", "--policy", file, "--max-age", "31d", "--format", "json")

    assert policy_of(answer)["max_age"] == "31d"
    assert policy_of(answer)["rules"] == {"undescriptive-name": {"severity": "high"}}


def test_the_settings_name_a_policy_a_variable_goes_before_the_file_and_a_flag_before_both(
    keyledger: Door,
) -> None:
    def max_age(*flags: str) -> object:
        return policy_of(keyledger.well("audit", "--format", "json", *flags))["max_age"]

    wrote(keyledger)
    wrote(keyledger, 'max_age = "31d"\n', "other.toml")
    wrote(keyledger, 'max_age = "32d"\n', "third.toml")

    wrote(keyledger, 'policy = "policy.toml"\n', "keyledger.toml")
    assert max_age() == "30d"
    keyledger.environment["KEYLEDGER_POLICY"] = "other.toml"
    assert max_age() == "31d"
    assert max_age("--policy", "third.toml") == "32d"
    keyledger.environment["KEYLEDGER_POLICY"] = "pci-dss-4"
    assert max_age() == "90d"


def test_a_policy_named_in_a_settings_file_is_looked_for_beside_it(keyledger: Door, tmp_path: Path) -> None:
    config = tmp_path / "home" / "config" / "keyledger"
    config.mkdir(parents=True)
    (config / "keyledger.toml").write_text('policy = "policy.toml"\n')
    (config / "policy.toml").write_text('max_age = "29d"\n')

    assert policy_of(keyledger.well("audit", "--format", "json"))["max_age"] == "29d"


@pytest.mark.parametrize("command", [("audit", "--policy"), ("policy", "check"), ("policy", "show")], ids=str)
def test_every_fault_of_a_policy_file_is_told_in_a_line_of_its_own(
    command: tuple[str, ...], keyledger: Door
) -> None:
    answer = keyledger(*command, wrote(keyledger, FAULTY))

    assert answer.status == 1
    assert answer.out == ""
    assert answer.err.splitlines() == [
        "keyledger: policy.toml:1: unknown threshold 'unsued_for'; did you mean 'unused_for'?",
        'keyledger: policy.toml:3: max_age must be a duration in quotation marks, such as "45d"',
        "keyledger: policy.toml:4: unknown rule 'nope'; `keyledger rules` lists them",
    ]


def test_a_policy_that_switches_every_rule_off_is_an_error(keyledger: Door) -> None:
    rules = [rule["id"] for rule in keyledger.well("rules", "--format", "json").json["rules"]]
    text = "".join(f"[rules.{rule}]\nenabled = false\n" for rule in rules)

    answer = keyledger("audit", "--policy", wrote(keyledger, text))

    assert answer.status == 1
    assert "policy.toml:1: every rule is switched off; leave at least one on" in answer.err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("audit", "--policy", "cis-asw"), 1, "no pack of that name; did you mean 'cis-aws'?"),
        (("audit", "--policy", ""), 1, "there is no policy file ''"),
        (("audit", "--compliance", ""), 1, "there is no pack ''"),
        (("audit", "--policy", "nowhere.toml"), 1, "there is no policy file 'nowhere.toml'"),
        (("audit", "--policy", "."), 1, "the policy file . cannot be read: Is a directory"),
        (("audit", "--policy", "latin.toml"), 1, "the policy file latin.toml is not UTF-8 text"),
        (("audit", "--compliance", "pci"), 1, "there is no pack 'pci'"),
        (("audit", "--compliance", "cis-aws", "--rule", "aged-key"), 2, "leave out --rule"),
        *(
            (
                ("audit", "--compliance", "cis-aws", "--format", form),
                2,
                "one of table, json, csv, markdown, html",
            )
            for form in ("jsonl", "sarif", "ocsf", "github")
        ),
        (("audit", "--compliance", "cis-aws", "--since", "last"), 2, "leave out --compliance"),
        (("audit", "--status", "passed"), 2, "--status"),
        (("policy", "check"), 2, "FILE"),
        (("policy", "check", "nowhere.toml"), 1, "there is no policy file 'nowhere.toml'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_input_is_told(arguments: tuple[str, ...], status: int, message: str, keyledger: Door) -> None:
    (keyledger.folder / "latin.toml").write_bytes(b"# \xe9\n")

    answer = keyledger(*arguments)

    assert answer.status == status, answer
    assert message in answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err


def test_a_sound_policy_file_is_told_with_its_hash(empty: Door) -> None:
    answer = empty.well("policy", "check", wrote(empty))

    shown = empty.well("policy", "show", "policy.toml", "--format", "json").json
    assert answer.err == f"policy.toml is sound; its hash is {shown['policy_sha256']}.\n"
    assert answer.out == ""


@pytest.mark.parametrize(
    "source", ["", "policy.toml", "cis-aws", "pci-dss-4", "nist-800-53", "soc2", "owasp-nhi"]
)
def test_what_is_shown_of_a_policy_is_a_file_of_the_same_policy(source: str, empty: Door) -> None:
    wrote(empty)
    named = [source] if source else []
    wrote(empty, empty.well("policy", "show", *named).out, "shown.toml")

    shown = empty.well("policy", "show", *named, "--format", "json").json
    again = empty.well("policy", "show", "shown.toml", "--format", "json").json

    assert shown == again
    assert shown["schema"] == "keyledger.policy/1"


def test_controls_are_told_one_by_one_and_a_failed_one_decides_the_status(keyledger: Door) -> None:
    keyledger.create("deploy-bot")
    assert keyledger("audit", "--compliance", "pci-dss-4").status == 0

    answer = keyledger("audit", "--compliance", "pci-dss-4", "--unused-for", "120d", "--format", "json")

    assert answer.status == 3
    assert answer.json["schema"] == "keyledger.compliance/1"
    assert answer.json["summary"]["failed"] == 1
    failed = next(each for each in answer.json["controls"] if each["status"] == "failed")
    assert failed["id"] == "8.2.6"
    assert failed["reasons"] == ["the policy allows unused_for=120d, the control demands 90d at most"]
    assert (
        keyledger("audit", "--compliance", "pci-dss-4", "--unused-for", "120d", "--fail-on", "none").status
        == 0
    )


def test_compliance_goes_by_the_policy_named_and_else_by_the_packs_own(keyledger: Door) -> None:
    def unused_for(*flags: str) -> object:
        answer = keyledger("audit", "--compliance", "pci-dss-4", "--format", "json", *flags)
        return policy_of(answer)["unused_for"]

    assert unused_for() == "90d"
    assert unused_for("--policy", "cis-aws") == "45d"


def test_compliance_is_told_as_a_table_and_as_markdown(keyledger: Door) -> None:
    keyledger.create("x")

    table = keyledger("audit", "--compliance", "nist-800-53")
    markdown = keyledger("audit", "--compliance", "nist-800-53", "--format", "markdown", "-o", "report.md")

    assert max(map(len, table.out.splitlines())) <= 80
    assert "undescriptive-name: 1 key failed" in table.out
    assert (table.status, markdown.status) == (3, 3)
    assert "Wrote report.md. NIST SP 800-53: " in markdown.err
    assert (
        "| failed | IA-4 | Identifier management | undescriptive-name: 1 key failed; keys: x |"
        in (keyledger.folder / "report.md").read_text()
    )


def test_controls_are_told_as_a_page_and_as_rows(keyledger: Door) -> None:
    keyledger.create("x")
    asked = ("audit", "--compliance", "nist-800-53", "--format")

    page, rows = (keyledger(*asked, form, "-o", f"report.{form}") for form in ("html", "csv"))

    assert (page.status, rows.status) == (3, 3)
    written = (keyledger.folder / "report.csv").read_text()
    found = {row["id"]: row for row in csv.DictReader(io.StringIO(written, newline=""), strict=True)}
    assert (found["IA-4"]["status"], found["IA-4"]["pack"]) == ("failed", "nist-800-53")
    assert "undescriptive-name: 1 key failed" in (keyledger.folder / "report.html").read_text()


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "markdown"])
def test_with_status_all_every_format_tells_what_passed_and_else_none_does(
    form: str, keyledger: Door
) -> None:
    keyledger.create("deploy-bot")
    now = "2099-01-01"

    everything = keyledger("audit", "--as-of", now, "--format", form, "--status", "all")
    findings_only = keyledger("audit", "--as-of", now, "--format", form)

    assert everything.status == findings_only.status == 3
    assert "not-applicable" in everything.out
    assert "passed" in everything.out
    assert "not-applicable" not in findings_only.out
    assert "passed" not in findings_only.out
    assert (
        findings_only.out == keyledger("audit", "--as-of", now, "--format", form, "--status", "findings").out
    )


def test_each_rule_and_key_is_one_row_in_the_formats_for_machines(keyledger: Door) -> None:
    keyledger.create("deploy-bot")
    keyledger.create("test")
    rules = len(keyledger.well("rules", "--format", "json").json["rules"])
    flags = ("audit", "--status", "all", "--fail-on", "none", "--format")

    rows = list(csv.DictReader(io.StringIO(keyledger.well(*flags, "csv").out, newline=""), strict=True))
    lines = [json.loads(line) for line in keyledger.well(*flags, "jsonl").out.splitlines()]

    assert len(rows) == 2 * rules
    assert len({(row["rule"], row["key_id"]) for row in rows}) == len(rows)
    assert len(keyledger.well(*flags, "json").json["assessments"]) == 2 * rules
    assert len([line for line in lines if line["schema"] == "keyledger.assessment/1"]) == 2 * rules


def test_packs_are_completed(keyledger: Door) -> None:
    environment = {"_KEYLEDGER_COMPLETE": "complete_bash", "COMP_WORDS": "keyledger policy show ci"}

    answer = keyledger.process(environment=environment | {"COMP_CWORD": "3"})

    assert answer.out.split() == ["cis-aws"]
