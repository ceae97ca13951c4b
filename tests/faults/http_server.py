"""`keyledger serve` in a process of its own, which may be killed, and a client that keeps its connection."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import msgspec

from ledger.key_terms import CreatedKey
from ledger.secret import Secret
from tests.faults.worker import PATIENCE_S

COMMAND = Path(sys.executable).parent / "keyledger"


class HttpServer:
    """A server on a port of its own, which it keeps when it is started again."""

    def __init__(self, address: str, *options: str) -> None:
        self._command = [str(COMMAND), "serve", "--quiet", "--port", str(_free_port()), *options]
        self.port = int(self._command[4])
        self._environment = {**os.environ, "KEYLEDGER_URL": address}
        self.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = monotonic() + PATIENCE_S
        while not self.answers():
            assert self._process.poll() is None, "the server has ended"
            assert monotonic() < end, "the server did not start"
            sleep(0.05)

    def answers(self) -> bool:
        client = HttpClient(self.port)
        try:
            return client.ask("GET", "/healthz").status == 200
        except Unanswered:
            return False
        finally:
            client.close()

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE_S)

    def close(self) -> int:
        """End it as an operator does; returns its status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE_S)


class Unanswered(Exception):
    """The connection broke: whatever was asked may be done or not."""


class Told(msgspec.Struct, frozen=True):
    """An answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def document(self) -> Any:  # noqa: ANN401 - whatever JSON there is
        return json.loads(self.body)


class HttpClient:
    """One connection, made anew where it broke."""

    def __init__(self, port: int, key: CreatedKey | Secret | None = None, timeout_s: float = 90) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        secret = key.secret if isinstance(key, CreatedKey) else key
        self._headers = {} if secret is None else {"Authorization": f"Bearer {secret.reveal()}"}

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Told:
        try:
            self._connection.request(method, path, body, {**self._headers, "Content-Type": kind})
            answer = self._connection.getresponse()
            return Told(answer.status, answer.read(), dict(answer.headers))
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unanswered from error

    def check(self, secret: Secret, service: str = "door") -> Told:
        body = json.dumps({"secret": secret.reveal(), "service": service}).encode()
        return self.ask("POST", "/v1/check", body)

    def close(self) -> None:
        self._connection.close()


@contextmanager
def http_server(address: str, *options: str) -> Iterator[HttpServer]:
    server = HttpServer(address, *options)
    try:
        yield server
    finally:
        with suppress(ProcessLookupError):
            server.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
