"""Processes that fork and end: each records for itself, and what waits is delivered or left to the others."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.usage_client.conftest import Open, eventually
from tests.usage_client.server import CLIENT_KEY, Server

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
