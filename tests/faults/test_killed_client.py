"""Clients inside services, killed under load with and without their server: each use is counted once."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from random import Random
from time import sleep

from tests.door import Door
from tests.faults.scale import Scale
from tests.usage_client.conftest import eventually
from tests.usage_client.server import CLIENT_KEY, Server
from tests.usage_client.serving import serving
from usage_client import Limits, UsageClient

QUICK = Limits(flush_every=0.05, adopt_every=0.1)
PATIENCE_S = 120

# It tells each use once it is recorded, in one write, so that what was told was recorded.
RECORDER = """
import itertools, os, sys, time
from usage_client import Limits, UsageClient
url, key, used, spool, name, pause_s = sys.argv[1:]
limits = Limits(flush_every=0.05, adopt_every=0.2, sync_every=0.05, batch_uses=200)
client = UsageClient(url, key, service="payments", spool=spool, limits=limits, coalesce=name.startswith("c"))
for number in itertools.count():
    use = f"{name}/{number}"
    assert client.record(key=used, caller="web-1", use_id=use)
    os.write(1, f"{use}\\n".encode())
    time.sleep(float(pause_s))
"""


class Recorder:
    """A process that records as fast as its pause lets it."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-c", RECORDER, *map(str, arguments)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self._told = b""

    def await_word(self) -> None:
        assert self._process.stdout is not None
        self._told = self._process.stdout.readline()

    def kill(self) -> set[str]:
        """Kill it at whatever it does; returns what it had told until then."""
        self._process.send_signal(signal.SIGKILL)
        rest, _ = self._process.communicate()
        lines = (self._told + rest).splitlines(keepends=True)
        # A last line cut short was never told.
        return {line.decode().strip() for line in lines if line.endswith(b"\n")}

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def recorders() -> Iterator[Callable[..., Recorder]]:
    """Give a way to start recorders, none of which outlives the block."""
    with ExitStack() as running:

        def start(*arguments: object) -> Recorder:
            recorder = Recorder(*arguments)
            running.callback(recorder.end)
            return recorder

        yield start


def all_delivered(url: str, key: str, spool: Path) -> None:
    """Let a client take over what all others left."""
    with UsageClient(url, key, service="payments", spool=spool, limits=QUICK):
        eventually(lambda: not list(spool.glob("*.uses")), PATIENCE_S)


def test_what_clients_recorded_before_they_were_killed_is_stored_exactly_once(
    tmp_path: Path, scale: Scale, note: Callable[..., None]
) -> None:
    # given two processes that record into one spool, as fast as they can
    dice, spool, told = Random(1), tmp_path / "spool", set[str]()
    with closing(Server()) as server, recorders() as start:
        running = [start(server.url, CLIENT_KEY, "k1", spool, name, 0) for name in ("a", "b")]

        # when they are killed at any moment, while the server comes and goes
        for kill in range(scale.writer_kills):
            victim = running.pop(0)
            victim.await_word()
            sleep(dice.random() * 0.3)
            if kill % 3 == 1:
                server.down()
                sleep(dice.random() * 0.2)
                server.up()
            told |= victim.kill()
            running.append(start(server.url, CLIENT_KEY, "k1", spool, kill, 0))
        for victim in running:
            told |= victim.kill()
        all_delivered(server.url, CLIENT_KEY, spool)

        # then all that was recorded is there, and beyond it what nobody lived to tell
        stored = [use["id"] for use in server.uses.values()]
    assert len(set(stored)) == len(stored)
    assert told <= set(stored)
    assert len(stored) - len(told) <= scale.writer_kills + 2
    assert len(told) > 100
    note(kills=scale.writer_kills, uses_recorded=len(told), sent_again=server.duplicates)


def test_the_ledger_has_what_was_recorded_though_clients_and_server_are_killed_under_load(
    address: str, tmp_path: Path, scale: Scale, note: Callable[..., None]
) -> None:
    dice, spool, told = Random(1), tmp_path / "spool", set[str]()
    with serving(Door(tmp_path, address)) as server, recorders() as start:
        # given two processes that record into one spool and report to a real server
        to = (server.url, server.reporter_key, server.used["id"], spool)
        running = [start(*to, name, 0.0005) for name in ("a", "b")]

        # when the server is killed under load, and one of the clients soon after
        for kill in range(scale.server_kills):
            running[0].await_word()
            sleep(0.2 + dice.random() * 0.4)
            server.kill()
            sleep(dice.random() * 0.2)
            told |= running.pop(0).kill()
            server.up()
            running.append(start(*to, kill, 0.0005))
        sleep(0.2)
        for victim in running:
            told |= victim.kill()
        all_delivered(server.url, server.reporter_key, spool)

        # then the ledger counts all that was recorded, once, and beyond it what nobody lived to tell
        count = server.count("use_count")
    assert 0 <= count - len(told) <= scale.server_kills + 2
    assert len(told) > 100
    note(kills=scale.server_kills, uses_recorded=len(told))
