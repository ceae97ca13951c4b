"""A listing of keys against the ledger, at the door."""

import json
from pathlib import Path

import pytest

from audit_cli.reconcile import FailOn
from projections.reconciliation import Difference
from tests.door import Answer, Door

ANSWER = {
    "AccessKeyMetadata": [
        {
            "UserName": "kaleb",
            "AccessKeyId": "AKIAEXAMPLE000000001",
            "Status": "Active",
            "CreateDate": "2024-05-01T00:00:00Z",
        }
    ],
    "ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 31 May 2024 12:00:00 GMT"}},
}


def wrote(door: Door, name: str, content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    (door.folder / name).write_text(text)
    return str(door.folder / name)


def kinds(answer: Answer) -> list[tuple[str, str]]:
    return [(each["kind"], each["external_id"]) for each in answer.json["differences"]]


def test_what_was_imported_agrees_and_a_change_there_is_told(keyledger: Door) -> None:
    file = wrote(keyledger, "answer.json", ANSWER)
    keyledger.well("import", "iam-access-keys", file)
    same = keyledger.well("reconcile", "iam-access-keys", file)
    changed = json.loads(json.dumps(ANSWER).replace("Active", "Inactive"))

    answer = keyledger("reconcile", "iam-access-keys", wrote(keyledger, "later.json", changed))

    assert same.out == ""
    assert "1 key listed, 1 known here: no difference; 1 agree." in same.err
    assert answer.status == 3
    assert "state-differs" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_the_keys_of_a_user_that_an_answer_lacks_are_gone(keyledger: Door) -> None:
    both = json.loads(json.dumps(ANSWER))
    both["AccessKeyMetadata"].append({**both["AccessKeyMetadata"][0], "AccessKeyId": "AKIAEXAMPLE000000002"})
    keyledger.well("import", "iam-access-keys", wrote(keyledger, "both.json", both))

    answer = keyledger(
        "reconcile", "iam-access-keys", wrote(keyledger, "one.json", ANSWER), "--format", "json"
    )

    assert answer.status == 3
    assert kinds(answer) == [("gone-there", "AKIAEXAMPLE000000002")]
    assert answer.json["extent"] == {"sources": ["aws"], "accounts": [], "owners": ["kaleb"]}


def test_a_list_of_our_own_keys_agrees_with_itself(keyledger: Door) -> None:
    keyledger.create("ci")
    keyledger.create("old")
    keyledger.well("key", "revoke", "old", "--yes")
    listed = keyledger.well("key", "list", "--format", "json").out

    assert keyledger("reconcile", "-", stdin=listed).status == 0

    keyledger.create("new")
    assert kinds(keyledger("reconcile", "-", "--format", "json", stdin=listed))[0][0] == "gone-there"
    assert keyledger("reconcile", "-", "--partial", stdin=listed).status == 0


def test_what_to_fail_on_may_be_said(keyledger: Door) -> None:
    inventory = "external_id,source,state\nAKIAEXAMPLE000000009,aws,active\n"

    for chosen, status in (("unknown-here", 3), ("gone-there", 0), ("none", 0), ("any", 3)):
        assert keyledger("reconcile", "-", "--fail-on", chosen, stdin=inventory).status == status
    assert keyledger("reconcile", "-", stdin=inventory).status == 3
    assert {FailOn.ANY, FailOn.NONE} == set(FailOn) - {FailOn(kind) for kind in Difference}


def test_nothing_is_compared_where_a_row_cannot_be_read(keyledger: Door) -> None:
    answer = keyledger("reconcile", "-", stdin="external_id,state\nA,asleep\nB,active\n")

    assert (answer.status, answer.out) == (1, "")
    assert "standard input line 2: state: 'asleep'" in answer.err
    assert "nothing was compared" in answer.err


def test_a_list_without_a_key_is_compared_only_where_it_is_said_whose_it_is(keyledger: Door) -> None:
    keyledger.create("ci")

    unsaid = keyledger("reconcile", "-", stdin="external_id,state\n")
    said = keyledger("reconcile", "-", "--source", "keyledger", stdin="external_id,state\n")
    keyledger.well("reconcile", "-", "--partial", stdin="external_id,state\n")

    assert (unsaid.status, unsaid.out) == (1, "")
    assert "nothing was compared" in unsaid.err
    assert (said.status, "1 gone there" in said.err) == (3, True)


def test_nothing_is_recorded(keyledger: Door) -> None:
    before = keyledger.well("events").out

    keyledger("reconcile", "-", stdin="external_id\nA\n")

    assert keyledger.well("events").out == before


@pytest.mark.parametrize(
    "arguments", [(), ("iam-access-keys",), ("iam-credential-report", "x.csv", "--source", "aws")]
)
def test_wrong_usage_is_told_as_such(keyledger: Door, arguments: tuple[str, ...]) -> None:
    assert keyledger("reconcile", *arguments).status == 2


def test_a_file_that_is_not_there_is_one_line(keyledger: Door) -> None:
    for kind in ((), ("iam-access-keys",), ("iam-credential-report",)):
        answer = keyledger("reconcile", *kind, "nowhere.csv")
        assert (answer.status, answer.err.count("\n")) == (1, 1)


def test_real_answers_and_reports_agree_once_they_are_imported(keyledger: Door, real_data: Path) -> None:
    report = str(real_data / "iam-credential-reports" / "unused_keys.csv")
    before = keyledger("reconcile", "iam-credential-report", report, "--format", "json")
    keyledger.well("import", "iam-credential-report", report, "--generated-at", "2016-11-25T14:30:42Z")

    after = keyledger.well(
        "reconcile", "iam-credential-report", report, "--as-of", "2016-11-25T14:30:42Z", "--format", "json"
    )

    assert {kind for kind, _ in kinds(before)} == {"unknown-here"}
    assert len(kinds(before)) == after.json["summary"]["agreeing"] == 9
    assert kinds(after) == []


def test_keys_of_google_are_imported_and_compared_with_what_google_says(
    keyledger: Door, real_data: Path
) -> None:
    (file,) = (real_data / "gcp-service-account-keys").glob("*query*keys_1.json")
    before = keyledger("reconcile", "gcp-service-account-keys", str(file), "--format", "json")
    keyledger.well("import", "gcp-service-account-keys", str(file))

    after = keyledger.well("reconcile", "gcp-service-account-keys", str(file), "--format", "json")

    assert [kind for kind, _ in kinds(before)] == ["unknown-here"]
    assert after.json["summary"]["agreeing"] == 1


def test_a_report_that_lacks_a_key_says_that_it_is_gone(keyledger: Door, real_data: Path) -> None:
    report = real_data / "iam-credential-reports" / "unused_keys.csv"
    keyledger.well("import", "iam-credential-report", str(report), "--generated-at", "2016-11-25T14:30:42Z")
    kept = [line for line in report.read_text().splitlines() if not line.startswith("kaleb,")]

    answer = keyledger(
        "reconcile",
        "iam-credential-report",
        wrote(keyledger, "less.csv", "\n".join(kept)),
        "--format",
        "json",
    )

    assert answer.status == 3
    assert [kind for kind, _ in kinds(answer)] == ["gone-there"]
