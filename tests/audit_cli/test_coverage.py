"""Who told all uses, as the command line tells it."""

import json
import subprocess
from datetime import UTC, datetime

from ledger.moments import parse_moment
from tests.door import Door

PATIENCE_S = 30
OLD = '{"key": "ci", "service": "deploy", "occurred_at": "2024-05-31T12:00:00Z"}\n'
LATER = '{"key": "ci", "service": "deploy", "occurred_at": "2024-06-02T12:00:00Z"}\n'


def declared(door: Door) -> list[tuple[str, str, str]]:
    reporters = door.well("coverage", "--format", "json").json["reporters"]
    return [(each["reporter"], one["from"], one["to"]) for each in reporters for one in each["periods"]]


def test_a_pipe_declares_the_time_in_which_it_was_open(keyledger: Door) -> None:
    keyledger.create("ci")
    began = datetime.now(UTC)
    command = ("use", "append", "--heartbeat", "--reporter", "gateway", "--format", "jsonl")
    with keyledger.start(*command, stdin=subprocess.PIPE) as process:
        out, err = process.communicate(OLD.encode(), timeout=PATIENCE_S)

    ((name, start, end),) = declared(keyledger)
    assert (name, process.returncode, err) == ("gateway", 0, b"")
    assert began.timestamp() * 1e6 <= parse_moment(start) <= parse_moment(end)
    progress, summary = map(json.loads, out.splitlines()[-2:])
    assert (progress["lines"], progress["observations"], summary["stored"]) == (1, 1, 1)


def test_a_file_declares_the_time_of_its_uses(keyledger: Door) -> None:
    keyledger.create("ci")
    file = keyledger.folder / "uses.ndjson"
    file.write_text(LATER + OLD)

    keyledger.well("use", "append", str(file), "--heartbeat", "--reporter", "gateway")

    assert declared(keyledger) == [("gateway", "2024-05-31T12:00:00Z", "2024-06-02T12:00:00Z")]


def test_a_file_on_standard_input_is_a_file(keyledger: Door) -> None:
    keyledger.create("ci")
    file = keyledger.folder / "uses.ndjson"
    file.write_text(OLD)

    with (
        file.open("rb") as uses,
        keyledger.start(
            "use", "append", "--heartbeat", "--reporter", "gateway", stdin=uses.fileno()
        ) as process,
    ):
        process.communicate(timeout=PATIENCE_S)

    assert declared(keyledger) == [("gateway", "2024-05-31T12:00:00Z", "2024-05-31T12:00:00Z")]


def test_where_a_line_was_refused_nothing_is_declared(keyledger: Door) -> None:
    keyledger.create("ci")
    file = keyledger.folder / "uses.ndjson"
    file.write_text(OLD + LATER.replace("ci", "unknown"))

    answer = keyledger("use", "append", str(file), "--heartbeat", "--reporter", "gateway")

    assert answer.status == 1
    assert "Not declared as covered, since lines were refused: 2024-05-31T12:00:00Z" in answer.err
    assert declared(keyledger) == []


def test_a_heartbeat_needs_a_name(keyledger: Door) -> None:
    answer = keyledger("use", "append", "--heartbeat", stdin="")

    assert answer.status == 2
    assert "--reporter" in answer.err


def test_periods_gaps_and_who_is_overdue_are_shown(keyledger: Door) -> None:
    keyledger.create("ci")
    for line in (OLD, LATER):
        file = keyledger.folder / "uses.ndjson"
        file.write_text(line)
        keyledger.well("use", "append", str(file), "--heartbeat", "--reporter", "gateway")

    answer = keyledger.well("coverage")

    first, *periods = answer.out.splitlines()
    assert first.startswith("gateway (keyledger): overdue, last heard of ")
    assert periods == [
        "    2024-05-31T12:00:00Z to 2024-05-31T12:00:00Z, then a gap of 2 days",
        "    2024-06-02T12:00:00Z to 2024-06-02T12:00:00Z",
    ]
    assert "1 reporter is overdue" in answer.err
    (found,) = keyledger.well("coverage", "--overdue", "--format", "json").json["reporters"]
    assert (found["status"], found["gaps"]) == (
        "overdue",
        [{"from": "2024-05-31T12:00:00Z", "to": "2024-06-02T12:00:00Z"}],
    )


def test_a_retired_reporter_is_not_overdue(keyledger: Door) -> None:
    keyledger.create("ci")
    file = keyledger.folder / "uses.ndjson"
    file.write_text(OLD)
    keyledger.well("use", "append", str(file), "--heartbeat", "--reporter", "gateway")

    keyledger.well("retire-reporter", "gateway", "--reason", "replaced")

    assert keyledger.well("coverage").out.startswith("gateway (keyledger): retired\n")
    assert keyledger.well("coverage", "--overdue").err == "No reporter is overdue.\n"


def test_a_reporter_that_nobody_knows_cannot_be_retired(keyledger: Door) -> None:
    answer = keyledger("retire-reporter", "gateway")

    assert (answer.status, answer.err.count("\n")) == (1, 1)
    assert "no reporter 'gateway' has declared coverage; those that have: none" in answer.err


def test_without_a_reporter_it_is_said_how_to_become_one(keyledger: Door) -> None:
    answer = keyledger.well("coverage")

    assert answer.out == ""
    assert "--heartbeat" in answer.err
