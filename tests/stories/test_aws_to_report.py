"""From the records of AWS to a report, with the command."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tests.door import Door
from tests.place import unguarded

AS_OF = "2016-11-25T14:30:42Z"
USE = '{"key": "ci", "service": "deploy", "occurred_at": "2024-05-31T12:00:00Z", "caller": "runner"}\n'


def test_cloudtrail_logs_are_imported_once(keyledger: Door, real_data: Path) -> None:
    expected = json.loads((real_data / "cloudtrail-invictus.expected.json").read_text())

    first = keyledger.well("import", "cloudtrail", str(real_data / "cloudtrail-invictus"))
    second = keyledger.well(
        "import", "cloudtrail", str(real_data / "cloudtrail-invictus"), "--format", "json"
    ).json
    listed = keyledger.well("key", "list", "--all", "--format", "json").json["keys"]

    assert first.out == ""
    assert (second["stored"], second["duplicates"]) == (0, second["read"])
    assert {key["external_id"]: key["use_count"] for key in listed if key["use_count"]} == {
        key: told["use_count"] for key, told in expected["keys"].items() if told["use_count"]
    }
    assert len(keyledger.well("key", "list", "--format", "json").json["keys"]) < len(listed)


def test_a_credential_report_leads_to_an_audit_as_of_then(keyledger: Door, real_data: Path) -> None:
    report = real_data / "iam-credential-reports" / "unused_keys.csv"

    keyledger.well("import", "iam-credential-report", str(report), "--generated-at", AS_OF)
    answer = keyledger("audit", "--as-of", AS_OF, "--format", "json")

    usage = [key["usage"] for key in answer.json["keys"] if key["state"] == "active"]
    assert answer.status == 3
    assert answer.json["as_of"] == AS_OF
    assert (len(usage), usage.count("no-data"), usage.count("never-used")) == (8, 2, 2)
    assert "no data" in keyledger.well("key", "list").out


def test_a_credential_report_can_be_piped_in(keyledger: Door, real_data: Path) -> None:
    report = (real_data / "iam-credential-reports" / "unused_keys.csv").read_bytes()

    keyledger.well("import", "iam-credential-report", "-", "--generated-at", AS_OF, stdin=report)
    refused = keyledger("import", "iam-credential-report", "-", stdin="garbage")

    assert len(keyledger.well("key", "list", "--format", "json").json["keys"]) == 9
    assert refused.status == 1
    assert refused.err.startswith("keyledger: standard input is no IAM credential report: ")


def test_a_report_without_its_time_is_taken_at_its_newest_date_and_that_is_told(
    keyledger: Door, real_data: Path
) -> None:
    report = real_data / "iam-credential-reports" / "unused_keys.csv"

    answer = keyledger.well("import", "iam-credential-report", str(report))

    assert "2016-11-25T14:22:00Z is assumed" in answer.err


def test_access_keys_are_imported_and_shown_with_their_origin(keyledger: Door, real_data: Path) -> None:
    folder = str(real_data / "iam-access-keys")

    answer = keyledger.well("import", "iam-access-keys", folder)
    again = keyledger.well("import", "iam-access-keys", folder, "--format", "json").json

    assert answer.err.count(" is after the answer itself") == 3
    summary = answer.err.splitlines()[-1]
    assert re.fullmatch(r"new keys \d+, observations \d+, in doubt 3\.", summary)
    assert (again["refused"], again["keys_registered"], again["doubts"]) == (0, 0, 3)
    key = keyledger.well("key", "list", "--format", "json").json["keys"][0]
    shown = keyledger.well("key", "show", key["external_id"]).out
    assert f"Origin     aws {key['external_id']}\n" in shown
    told = keyledger.well("key", "history", key["external_id"]).out
    assert "iam-access-keys: " in told
    assert "(imported by ada@example.com)" in " ".join(told.split())
    refused = keyledger("key", "revoke", key["external_id"], "--yes")
    assert "was minted by aws" in refused.err


@pytest.fixture
def used(keyledger: Door) -> Door:
    """Give a ledger with one key, not used for long."""
    keyledger.create("ci", "--owner", "platform")
    keyledger.well("use", "append", "--reporter", "gateway", stdin=USE)
    return keyledger


def test_a_use_is_told_with_its_reporter(used: Door) -> None:
    assert used.well("show-event", "4", "--format", "json").json["reporter"] == "gateway"


def test_a_finding_that_reaches_the_threshold_decides_the_exit_status(used: Door) -> None:
    soon = ("audit", "--max-age", "0s", "--format", "json")

    found = used(*soon)

    assert {finding["severity"] for finding in found.json["findings"]} == {"info", "medium", "high"}
    assert found.status == 3
    assert used(*soon, "--fail-on", "medium").status == 3
    assert used(*soon, "--fail-on", "critical").status == 0
    assert used(*soon, "--fail-on", "none").status == 0
    assert used("audit", "--rule", "undescriptive-name").status == 0
    assert used("audit", "--rule", "undescriptive-name", "--fail-on", "info").status == 3


def test_the_same_position_and_clock_give_the_same_bytes(used: Door) -> None:
    command = ("audit", "--as-of", "2999-01-01", "--fail-on", "none")
    for form in ("table", "json", "jsonl", "csv", "markdown"):
        first, second = (used.well(*command, "--format", form) for _ in range(2))

        assert first == second
        assert "still to come" in first.err
        assert "unused-key" in first.out


def test_a_report_can_be_written_to_a_file(used: Door) -> None:
    answer = used("audit", "--format", "csv", "-o", "report.csv", "--max-age", "0s")

    rows = list(csv.DictReader(io.StringIO((used.folder / "report.csv").read_text())))
    assert answer.status == 3
    assert answer.out == ""
    assert answer.err.startswith("Wrote report.csv. 1 key, 3 findings")
    assert {row["rule"] for row in rows} == {"aged-key", "undescriptive-name", "used-before-creation"}


def test_a_past_moment_is_answered_from_what_had_occurred_by_then(used: Door) -> None:
    answer = used("audit", "--as-of", "2024-06-01", "--format", "json")

    assert answer.json["keys"] == [] or answer.json["keys"][0]["created_at"] is None


def test_rows_that_are_not_what_the_events_say_are_found_and_built_anew(used: Door) -> None:
    used.well("projections", "check")
    with unguarded(used.address) as connection:
        connection.execute("UPDATE key_usage SET use_count = use_count + 1")

    found = used("projections", "check")
    rebuilt = used.well("projections", "rebuild")

    assert found.status == 4
    assert "key_usage" in found.out
    assert "projections rebuild" in found.err
    assert rebuilt.out == "Rebuilt from 4 events.\n"
    used.well("projections", "check")


def test_one_wrong_table_is_built_anew_alone(used: Door) -> None:
    used.well("projections", "check")
    with unguarded(used.address) as connection:
        connection.execute("UPDATE key_usage SET use_count = use_count + 1")

    rebuilt = used.well("projections", "rebuild", "--only", "key_usage")

    assert rebuilt.out == "Rebuilt from 4 events.\n"
    used.well("projections", "check")
    assert used("projections", "rebuild", "--only", "keys").status == 2


def test_an_event_that_was_damaged_is_an_integrity_failure(used: Door) -> None:
    with unguarded(used.address) as connection:
        connection.execute("UPDATE events SET state = substr(state, 1, 1) WHERE position = 3")

    for command in (("show-event", "3"), ("projections", "rebuild")):
        answer = used(*command)
        assert answer.status == 4
        assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [("events",), ("key", "list"), ("audit",), ("projections", "rebuild"), ("projections", "check")],
    ids=" ".join,
)
def test_an_event_that_is_missing_is_an_integrity_failure(used: Door, command: tuple[str, ...]) -> None:
    """As where a page of a file is damaged, which the database may pass over without a word."""
    with unguarded(used.address) as connection:
        connection.execute("DELETE FROM events WHERE position = 3")

    answer = used(*command)

    assert answer.status == 4
    assert answer.err.endswith("cannot be read: the ledger is damaged; restore it from a backup\n")


def test_an_event_of_a_newer_version_says_so(used: Door) -> None:
    with unguarded(used.address) as connection:
        connection.execute("UPDATE events SET topic = 'key-blessed/1' WHERE position = 4")

    answer = used("key", "list")

    assert answer.status == 1
    assert "upgrade keyledger" in answer.err


def test_how_far_the_read_side_is_can_be_asked_without_moving_it(used: Door) -> None:
    before = used.well("projections", "status", "--format", "json").json
    used.well("key", "list")
    after = used.well("projections", "status").out

    assert before == {"schema": "keyledger.projections/1", "position": 0, "ledger_position": 4, "behind": 4}
    assert after == "Projected up to position 4 of 4, 0 behind.\n"
