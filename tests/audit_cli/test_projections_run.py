"""The read side kept up to date by a process of its own."""

import signal
import time
from contextlib import closing

import pytest

from ledger.database import open_database
from projections.catch_up import status
from tests.door import Door

PATIENCE_S = 30


def behind(door: Door) -> int:
    return int(door.well("projections", "status", "--format", "json").json["behind"])


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_rows_follow_the_events_until_it_is_stopped(keyledger: Door, stop: signal.Signals) -> None:
    with keyledger.start("projections", "run", "--interval", "0s") as process:
        assert process.stderr
        told = [process.stderr.readline() for _ in range(2)]
        keyledger.create("ci")
        deadline = time.monotonic() + PATIENCE_S
        while behind(keyledger) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(stop)
        out, err = process.communicate(timeout=PATIENCE_S)

    assert told == [b"keyledger: 2 events behind\n", b"keyledger: up to date at position 2\n"]
    assert behind(keyledger) == 0
    assert (process.returncode, out, err) == (0, b"", b"")


def test_it_stops_at_once_while_it_rests(keyledger: Door) -> None:
    with keyledger.start("projections", "run", "--interval", "1d") as process:
        assert process.stderr
        process.stderr.readline()
        process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0


def test_a_long_way_behind_it_stops_between_two_batches_and_keeps_what_it_did(keyledger: Door) -> None:
    keyledger.create("ci")
    line = '{"key": "ci", "service": "deploy", "occurred_at": "2024-05-31T12:00:00Z"}\n'
    keyledger.well("use", "append", stdin=line * 200_000)
    with keyledger.start("projections", "run") as process:
        assert process.stderr
        process.stderr.readline()
        # By a connection of its own: a command would be started when all is over.
        with closing(open_database(keyledger.address)) as database:
            while status(database).behind > 190_000:
                time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, err) == (0, b"")
    assert 0 < behind(keyledger) < 200_000
    keyledger.well("projections", "check")


def test_a_ledger_that_is_not_there_or_a_wrong_interval_is_told(empty: Door) -> None:
    assert "`keyledger init ORG` makes one" in empty("projections", "run").err
    assert empty("projections", "run", "--interval", "soon").status == 2
