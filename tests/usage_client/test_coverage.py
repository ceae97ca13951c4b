"""Heartbeats declare only periods of which every use is delivered, on one timeline of several processes."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.usage_client.conftest import Open, eventually
from tests.usage_client.server import Reply, Server
from usage_client import Limits
from usage_client.coverage import LONGEST_PAUSE_US, MARGIN_US, Coverage
from usage_client.moments import SECOND, now, parse_moment

START = 1_767_225_600 * SECOND
MINUTE = 60 * SECOND


class Timeline:
    """A clock that the test sets, and what was declared by it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.now = START
        self.boot = "boot-1"
        self.declared: list[tuple[int, int]] = []

    def process(self, reporter: str = "payments") -> Coverage:
        return Coverage(self.folder, reporter, lambda: self.now, os.urandom, self.boot)

    def declare(self, process: Coverage, oldest: int | None = None, *, heard: bool = True) -> None:
        def tell(start: int, end: int) -> bool:
            if heard:
                self.declared.append((start, end))
            return heard

        process.declare(oldest, MINUTE, tell)

    def passes(self, span: int) -> None:
        self.now += span


@pytest.fixture
def timeline(tmp_path: Path) -> Timeline:
    return Timeline(tmp_path / "spool")


def test_periods_follow_each_other_without_a_gap(timeline: Timeline) -> None:
    process = timeline.process()
    for _ in range(3):
        timeline.passes(10 * MINUTE)
        timeline.declare(process)

    ends = [START + minutes * MINUTE - MARGIN_US for minutes in (10, 20, 30)]
    assert timeline.declared == [(START, ends[0]), (ends[0], ends[1]), (ends[1], ends[2])]


def test_nothing_is_declared_before_an_interval_has_passed(timeline: Timeline) -> None:
    process = timeline.process()
    timeline.passes(MINUTE)

    timeline.declare(process)

    assert timeline.declared == []


def test_a_period_ends_before_the_oldest_use_that_waits(timeline: Timeline) -> None:
    process = timeline.process()
    timeline.passes(10 * MINUTE)

    timeline.declare(process, oldest=START + 4 * MINUTE)
    timeline.declare(process, oldest=START + 4 * MINUTE)

    assert timeline.declared == [(START, START + 4 * MINUTE - MARGIN_US)]


def test_what_the_server_did_not_hear_is_declared_again(timeline: Timeline) -> None:
    process = timeline.process()
    timeline.passes(10 * MINUTE)
    timeline.declare(process, heard=False)

    timeline.declare(process)

    assert timeline.declared == [(START, timeline.now - MARGIN_US)]


def test_a_period_in_which_any_process_lost_a_use_is_left_out(timeline: Timeline) -> None:
    first, second = timeline.process(), timeline.process()
    timeline.passes(10 * MINUTE)
    timeline.declare(first)
    timeline.passes(5 * MINUTE)
    second.lost()
    lost_at = timeline.now
    timeline.passes(10 * MINUTE)

    timeline.declare(first)

    assert timeline.declared[1] == (lost_at + 1, timeline.now - MARGIN_US)


def test_a_loss_is_known_after_the_process_that_had_it_is_gone(timeline: Timeline) -> None:
    first, second = timeline.process(), timeline.process()
    timeline.passes(5 * MINUTE)
    second.lost()
    second.close()
    timeline.passes(10 * MINUTE)
    timeline.declare(first)
    timeline.passes(10 * MINUTE)
    timeline.declare(first)

    assert timeline.declared[0][0] == START + 5 * MINUTE + 1
    # Once that is declared, the mark has said all it had to.
    assert len(list(timeline.folder.glob("*.mark"))) == 1


def test_a_restart_leaves_no_gap_and_a_long_pause_does(timeline: Timeline) -> None:
    timeline.process().close()
    timeline.passes(60 * MINUTE)
    again = timeline.process()
    timeline.declare(again)
    again.close()
    timeline.declare(again)
    timeline.passes(LONGEST_PAUSE_US + 61 * MINUTE)
    for mark in timeline.folder.glob("*.mark"):
        mark.unlink()
    much_later = timeline.process()
    began = timeline.now
    timeline.passes(10 * MINUTE)
    timeline.declare(much_later)

    assert timeline.declared == [
        (START, START + 60 * MINUTE - MARGIN_US),
        (began, timeline.now - MARGIN_US),
    ]


def test_the_end_of_the_machine_counts_as_a_loss_and_a_killed_process_does_not(timeline: Timeline) -> None:
    timeline.process()._mark.drop()  # type: ignore[union-attr] # noqa: SLF001 - its process is killed
    timeline.passes(10 * MINUTE)
    timeline.declare(timeline.process())
    assert timeline.declared == [(START, timeline.now - MARGIN_US)]

    # when the machine goes down under a process
    timeline.process()._mark.drop()  # type: ignore[union-attr] # noqa: SLF001 - as above
    timeline.boot = "boot-2"
    timeline.passes(10 * MINUTE)
    process = timeline.process()
    timeline.declare(process)
    came_up = timeline.now
    timeline.passes(10 * MINUTE)
    timeline.declare(process)

    assert timeline.declared[1:] == [(came_up + 1, timeline.now - MARGIN_US)]


def test_each_reporter_of_a_folder_has_its_own_periods(timeline: Timeline) -> None:
    payments, invoices = timeline.process("payments"), timeline.process("invoices")
    timeline.passes(10 * MINUTE)
    payments.lost()

    timeline.declare(payments)
    timeline.declare(invoices)

    assert timeline.declared == [(START, timeline.now - MARGIN_US)]


class Truth(RuleBasedStateMachine):
    """Whatever happens, no declared period holds a loss, and no two periods overlap."""

    def __init__(self) -> None:
        super().__init__()
        self._place = TemporaryDirectory()
        self.timeline = Timeline(Path(self._place.name))
        self.processes = [self.timeline.process()]
        self.losses: list[int] = []

    @rule(span=st.integers(1, 20))
    def time_passes(self, span: int) -> None:
        self.timeline.passes(span * MINUTE // 4)

    @rule()
    def a_process_starts(self) -> None:
        if len(self.processes) < 4:
            self.processes.append(self.timeline.process())

    @precondition(lambda self: len(self.processes) > 1)
    @rule()
    def a_process_ends(self) -> None:
        self.processes.pop(0).close()

    @rule(which=st.integers(0, 3))
    def a_use_is_lost(self, which: int) -> None:
        self.processes[which % len(self.processes)].lost()
        self.losses.append(self.timeline.now)

    @rule(which=st.integers(0, 3), heard=st.booleans())
    def a_process_declares(self, which: int, *, heard: bool) -> None:
        self.timeline.declare(self.processes[which % len(self.processes)], heard=heard)

    def teardown(self) -> None:
        periods = self.timeline.declared
        for start, end in periods:
            # A use that is lost now was recorded now: what was declared before ended before.
            assert not [loss for loss in self.losses if start <= loss <= end]
        assert all(first[1] <= second[0] for first, second in pairwise(periods))
        for process in self.processes:
            process.close()
        self._place.cleanup()


Truth.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
test_no_declared_period_holds_a_loss = Truth.TestCase


def test_a_client_with_a_spool_declares_what_it_delivered(
    client_of: Open, server: Server, spool: Path
) -> None:
    hasty = Limits(flush_every=0.05, adopt_every=0.1, heartbeat_every=0.1)
    client = client_of(spool=spool, limits=hasty, reporter="gateway")
    (declared,) = spool.glob("*.declared")
    # As if it had been up for a minute.
    declared.write_bytes(b"%020d\n" % (int(declared.read_bytes()) - 60 * SECOND))
    client.record(key="k1")

    eventually(lambda: server.heartbeats)

    heartbeat = server.heartbeats[0]
    assert heartbeat["reporter"] == "gateway"
    assert parse_moment(heartbeat["to"]) - parse_moment(heartbeat["from"]) > 50 * SECOND
    assert client.close()


def test_a_client_declares_no_period_with_a_use_that_was_refused(
    client_of: Open, server: Server, spool: Path
) -> None:
    server.refuses = lambda use: "unknown key" if use["key"] == "gone" else None
    hasty = Limits(flush_every=0.05, adopt_every=0.1, heartbeat_every=0.1)
    client = client_of(spool=spool, limits=hasty)
    (declared,) = spool.glob("*.declared")
    declared.write_bytes(b"%020d\n" % (int(declared.read_bytes()) - 60 * SECOND))
    before = now()
    client.record(key="gone")
    after = now()
    eventually(lambda: client.stats().refused)
    eventually(lambda: server.heartbeats)
    for _ in range(5):
        client.record(key="k1")
        client.flush()

    periods = [(parse_moment(each["from"]), parse_moment(each["to"])) for each in server.heartbeats]
    assert all(end < before or after < start for start, end in periods)


def test_uses_are_delivered_where_heartbeats_are_not_taken(
    client_of: Open, server: Server, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(spool=spool, limits=Limits(flush_every=0.05, heartbeat_every=0.1))
    (declared,) = spool.glob("*.declared")
    declared.write_bytes(b"%020d\n" % (int(declared.read_bytes()) - 60 * SECOND))
    server.replies.append(Reply(404))
    client.start()
    eventually(lambda: "heartbeat is not taken" in caplog.text)

    client.record(key="k1")

    assert client.flush()
    assert server.count == 1


def test_a_client_without_a_spool_declares_nothing(client_of: Open, server: Server) -> None:
    client = client_of(limits=Limits(flush_every=0.01, heartbeat_every=0.01))
    client.record(key="k1")

    assert client.flush()

    assert server.heartbeats == []


def test_a_child_that_is_forked_while_its_parent_declares_holds_up_nobody(timeline: Timeline) -> None:
    process = timeline.process()
    timeline.passes(10 * MINUTE)
    children: list[int] = []

    def fork(_start: int, _end: int) -> bool:
        pid = os.fork()
        if pid == 0:
            # It lives on with whatever files were open, as a worker does.
            sleep(60)
            os._exit(0)
        children.append(pid)
        return True

    process.declare(None, MINUTE, fork)
    timeline.passes(10 * MINUTE)
    timeline.declare(process)
    for pid in children:
        os.kill(pid, 9)
        os.waitpid(pid, 0)

    assert len(timeline.declared) == 1


def test_while_another_process_declares_nobody_waits(timeline: Timeline) -> None:
    process = timeline.process()
    timeline.passes(10 * MINUTE)
    (declared,) = timeline.folder.glob("*.declared")
    code = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("locked", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(declared)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        timeline.declare(process)
        assert timeline.declared == []
        other.communicate()

    timeline.declare(process)

    assert len(timeline.declared) == 1
