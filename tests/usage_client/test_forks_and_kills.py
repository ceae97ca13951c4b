"""Processes that fork, share a spool and are killed: the totals are what they counted, each use once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import sleep

import pytest

from tests.faults.scale import LONG, SHORT
from tests.usage_client.conftest import Open, eventually
from tests.usage_client.server import CLIENT_KEY, Server

IS_LONG = "--soak" in sys.argv
KILLS = (LONG if IS_LONG else SHORT).writer_kills

# It tells each use once it is recorded, in one write, so that what was told was recorded.
RECORDER = """
import itertools, os, sys
from usage_client import Limits, UsageClient
url, key, spool, name = sys.argv[1:]
limits = Limits(flush_every=0.02, adopt_every=0.1, sync_every=0.05)
client = UsageClient(url, key, service="payments", spool=spool, limits=limits, coalesce=name.startswith("c"))
for number in itertools.count():
    use = f"{name}/{number}"
    assert client.record(key="k1", caller=use, use_id=use)
    os.write(1, f"{use}\\n".encode())
"""

FORKING = """
import os, sys, time
from usage_client import Limits, UsageClient
url, key, spool = sys.argv[1:]
limits = Limits(flush_every=0.05)
client = UsageClient(url, key, service="payments", spool=spool or None, limits=limits)
def record(name):
    for number in range(200):
        assert client.record(key="k1", use_id=f"{name}/{number}")
# The parent's threads run and its uses wait when it forks.
record("parent-before")
children = []
for child in range(3):
    if (pid := os.fork()) == 0:
        record(f"child-{child}")
        os._exit(0 if client.close() and client.stats().recorded == 200 else 1)
    children.append(pid)
record("parent-after")
for pid in children:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert client.close()
assert client.stats().recorded == 400
"""


def start(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@pytest.fixture
def recorders(server: Server, spool: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Give two processes that record into one spool as fast as they can."""
    running = [start(RECORDER, server.url, CLIENT_KEY, spool, name) for name in ("a0", "b0")]
    yield running
    for process in running:
        process.kill()
        process.wait()


def first_word(process: subprocess.Popen[bytes]) -> str:
    """Wait until it has recorded something."""
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def told_by(process: subprocess.Popen[bytes]) -> set[str]:
    out, _ = process.communicate()
    # A last line cut short was never told.
    return {line.decode().strip() for line in out.splitlines(keepends=True) if line.endswith(b"\n")}


def test_what_was_recorded_before_a_sigkill_is_stored_exactly_once(
    recorders: list[subprocess.Popen[bytes]], client_of: Open, server: Server, spool: Path
) -> None:
    # given processes that are killed at any moment, while the server comes and goes
    dice = Random(1)
    told: set[str] = set()
    for kill in range(KILLS):
        which = kill % 2
        told.add(first_word(recorders[which]))
        sleep(dice.random() * 0.3)
        if kill % 3 == 1:
            server.down()
            sleep(dice.random() * 0.2)
            server.up()
        recorders[which].send_signal(signal.SIGKILL)
        told |= told_by(recorders[which])
        recorders[which] = start(RECORDER, server.url, CLIENT_KEY, spool, f"{'ab'[which]}{kill + 1}")
    for process in recorders:
        process.kill()
        told |= told_by(process)

    # when the last one takes over
    client_of(spool=spool).start()
    eventually(lambda: not list(spool.glob("*.uses")), 60)

    # then all that was recorded is there; beyond it, at most the use whose recording nobody lived to tell
    stored = {use["id"] for use in server.uses.values()}
    assert len(stored) == len(server.uses)
    assert told <= stored
    assert len(stored - told) <= KILLS + 2
    assert len(told) > 100


@pytest.mark.parametrize("with_spool", [True, False], ids=["spool", "memory"])
def test_a_forked_client_records_for_itself_and_delivers_nothing_twice(
    server: Server, spool: Path, *, with_spool: bool
) -> None:
    process = start(FORKING, server.url, CLIENT_KEY, spool if with_spool else "")

    process.communicate(timeout=60)

    assert process.returncode == 0
    assert server.count == 5 * 200
    assert server.duplicates == 0


def test_a_child_that_ends_without_a_word_leaves_its_spool_to_the_others(
    client_of: Open, server: Server, spool: Path
) -> None:
    server.down()
    client = client_of(spool=spool)
    client.record(key="k1", use_id="parent")
    pid = os.fork()
    if pid == 0:
        client.record(key="k1", use_id="child")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)

    server.up()

    eventually(lambda: server.count == 2)
    assert {use["id"] for use in server.uses.values()} == {"parent", "child"}


def test_what_waits_is_delivered_when_the_process_ends_by_itself(server: Server) -> None:
    code = """
import sys
from usage_client import Limits, UsageClient
client = UsageClient(*sys.argv[1:], service="payments", limits=Limits(flush_every=60))
client.record(key="k1")
"""
    process = start(code, server.url, CLIENT_KEY)

    process.communicate(timeout=60)

    assert process.returncode == 0
    assert server.count == 1


def test_a_process_ends_in_bounded_time_though_the_server_hangs(server: Server) -> None:
    server.delay_s = 30
    code = """
import sys
from usage_client import Limits, UsageClient
client = UsageClient(*sys.argv[1:], service="payments", limits=Limits(close_timeout=0.5))
client.record(key="k1")
"""
    process = start(code, server.url, CLIENT_KEY)

    process.communicate(timeout=10)

    assert process.returncode == 0
