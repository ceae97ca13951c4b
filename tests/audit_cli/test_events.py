"""The raw log, exported and followed."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.door import Door
from tests.place import plain

PATIENCE_S = 30


def lines(text: str | bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def positions(text: str | bytes) -> list[int]:
    return [line["position"] for line in lines(text)]


def use(key: str, number: int) -> str:
    return json.dumps(
        {"key": key, "service": "deploy", "occurred_at": "2024-05-31T12:00:00Z", "id": f"use-{number}"}
    )


def test_each_line_is_what_show_event_prints_of_it(keyledger: Door) -> None:
    keyledger.create("ci")

    exported = lines(keyledger.well("events").out)

    assert [line["topic"] for line in exported] == [
        "organization-created/1",
        "member-added/1",
        "key-created/1",
    ]
    assert exported == [keyledger.well("show-event", str(at), "--format", "json").json for at in (1, 2, 3)]


def test_an_export_goes_on_after_the_last_position_and_ends_where_it_is_told_to(keyledger: Door) -> None:
    for name in ("a", "b", "c"):
        keyledger.create(name)

    assert positions(keyledger.well("events", "--since", "2").out) == [3, 4, 5]
    assert positions(keyledger.well("events", "--since", "2", "--until", "4").out) == [3, 4]
    assert positions(keyledger.well("events", "--until", "900").out) == [1, 2, 3, 4, 5]
    assert positions(keyledger.well("events", "--follow", "--until", "4").out) == [1, 2, 3, 4]
    answer = keyledger.well("events", "--since", "5")
    assert (answer.out, answer.err) == ("", "Exported 0 events; go on later with --since 5.\n")


def test_a_position_beyond_the_end_is_told_as_the_ledger_may_have_been_restored(keyledger: Door) -> None:
    answer = keyledger("events", "--since", "3")

    assert (answer.status, answer.out) == (1, "")
    assert answer.err.startswith("keyledger: there is no position 3 to go on after; the ledger's last is 2")
    assert keyledger("events", "--since", "2", "--until", "1").status == 2
    assert keyledger("events", "--since", "-1").status == 2


def test_an_organization_exports_its_own_events_only(keyledger: Door) -> None:
    keyledger.well("init", "other", "--admin", "eve@example.com")

    assert positions(keyledger.well("--org", "acme", "events").out) == [1, 2]
    assert positions(keyledger.well("events", "--org", "other").out) == [3, 4]


def test_a_member_who_may_only_read_may_export(keyledger: Door) -> None:
    keyledger.well("member", "add", "bob@example.com", "--role", "member")

    assert positions(keyledger.well("events", "--as", "bob@example.com").out) == [1, 2, 3]


def test_cloud_events_name_their_position_too(keyledger: Door) -> None:
    (event,) = lines(keyledger.well("events", "--format", "cloudevents", "--since", "1").out)

    assert (event["specversion"], event["type"]) == ("1.0", "keyledger.member-added/1")
    assert int(event["sequence"]) == event["data"]["position"] == 2


def test_no_line_holds_a_secret(keyledger: Door) -> None:
    created = keyledger.create("ci")
    keyledger.well("check", stdin=created["secret"])

    for form in ("jsonl", "cloudevents"):
        assert created["secret"] not in keyledger.well("events", "--format", form).out


def test_a_denial_that_was_only_counted_is_exported_once_its_minute_is_over(keyledger: Door) -> None:
    secret = keyledger.create("ci")["secret"]
    keyledger.well("key", "disable", "ci")
    for _ in range(3):
        assert keyledger("check", stdin=secret).status == 1
    with plain(keyledger.address) as connection:
        connection.execute("UPDATE denied_uses SET ends_at = 1")

    denied = [line["count"] for line in lines(keyledger.well("events").out) if "use-denied" in line["topic"]]

    assert denied == [1, 2]


def test_an_export_is_written_to_a_file_whose_name_is_looked_at_first(
    keyledger: Door, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("what was there before\n")

    answer = keyledger.well("events", "-o", str(file))
    refused = keyledger("events", "-o", str(tmp_path / "nowhere" / "x"))

    assert answer.out == ""
    assert positions(file.read_text()) == [1, 2]
    assert refused.status == 1
    assert "does not exist" in refused.err


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_follower_gets_each_event_as_it_comes_until_it_is_stopped(
    keyledger: Door, stop: signal.Signals
) -> None:
    with keyledger.start("events", "--follow", "--since", "1") as process:
        assert process.stdout
        first = process.stdout.readline()
        keyledger.create("ci")
        second = process.stdout.readline()
        process.send_signal(stop)
        rest, err = process.communicate(timeout=PATIENCE_S)

    assert positions(first + second) == [2, 3]
    assert (process.returncode, rest, err) == (0, b"", b"")


def test_a_follower_that_was_to_reach_a_position_says_that_it_did_not(keyledger: Door) -> None:
    with keyledger.start("events", "--follow", "--until", "3") as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 130
    assert (
        err.decode() == "keyledger: interrupted; go on with --since and the position in the last whole line\n"
    )


def test_a_follower_whose_reader_has_gone_ends_though_nothing_happens(keyledger: Door) -> None:
    with keyledger.start("events", "--follow") as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        process.wait(timeout=PATIENCE_S)
        assert process.stderr
        assert process.stderr.read() == b""

    assert process.returncode == 141


def test_an_export_whose_reader_stalls_can_be_stopped_at_once(keyledger: Door) -> None:
    keyledger.create("ci")
    keyledger.well("use", "append", stdin="\n".join(use("ci", number) for number in range(3000)))

    with keyledger.start("events") as process:
        assert process.stdout
        read = process.stdout.read(10)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE_S)

    assert read == b'{"schema":'
    assert process.returncode == 130


def test_an_export_ends_quietly_when_its_pipe_is_closed(keyledger: Door) -> None:
    keyledger.create("ci")
    keyledger.well("use", "append", stdin="\n".join(use("ci", number) for number in range(3000)))

    with keyledger.start("events") as process:
        ended = subprocess.run(["head", "-1"], stdin=process.stdout, capture_output=True, check=True)
        assert process.stdout
        process.stdout.close()
        process.wait(timeout=PATIENCE_S)
        assert process.stderr
        assert process.stderr.read() == b""

    assert positions(ended.stdout) == [1]
    assert process.returncode == 141
