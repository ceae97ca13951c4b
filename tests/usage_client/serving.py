"""The real server: `keyledger serve` in a process of its own, which may be killed and started again."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

import httpx

from tests.door import Door

PATIENCE_S = 60
ADMIN = "ada@example.com"


class Serving:
    """A server of a door's ledger, with two keys: one to report and check with, one that is used."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.reporter_key: str = door.create(
            "reporter", "--scope", "uses:append", "--scope", "keys:check", "--as", ADMIN
        )["secret"]
        self.used = door.create("billing", "--scope", "deploy", "--as", ADMIN)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def up(self) -> None:
        # Its pipes are read by nobody, so it must not have much to say.
        self._process = self._door.start("serve", "--port", str(self._port), "--quiet", "--rate", "1000000")
        end = monotonic() + PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None, self._process.communicate()[1].decode()
            assert monotonic() < end, "the server does not start"
            sleep(0.02)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def count(self, what: str) -> int:
        """What the ledger counts of the used key: `use_count`, `error_count`."""
        listed = json.loads(self._door.well("key", "list", "--format", "json").out)
        (count,) = (key[what] for key in listed["keys"] if key["id"] == self.used["id"])
        return int(count)


@contextmanager
def serving(door: Door) -> Iterator[Serving]:
    """Serve a door's ledger until the block is left."""
    server = Serving(door)
    server.up()
    try:
        yield server
    finally:
        server.kill()
