"""`keyledger serve` as a process of its own, as an operator starts it."""

import json
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from tests.door import Door

START_TIMEOUT_S = 60


class Serving:
    """A server's process, what it has logged, and raw connections to it."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, context: ssl.SSLContext | None) -> None:
        self.process = process
        self.port = port
        self._context = context
        self._lines: list[bytes] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    @property
    def log(self) -> list[dict[str, Any]]:
        """What it has logged; every line must be an object."""
        return [json.loads(line) for line in self._lines]

    def connect(self) -> socket.socket:
        """A connection on which anything may be sent."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        if self._context is None:
            return plain
        return self._context.wrap_socket(plain, server_hostname="localhost")

    def terminate(self) -> int:
        """End it as systemd does; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self._reading.join(timeout=10)
        return status

    def close(self) -> None:
        """Let go of what it wrote to."""
        self._reading.join(timeout=10)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.append(line)


def exchange(connection: socket.socket, *parts: bytes) -> bytes:
    """What arrives, once the parts are sent, until the other side closes."""
    received = b""
    try:
        for part in parts:
            connection.sendall(part)
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def serving(
    door: Door,
    *options: str,
    context: ssl.SSLContext | None = None,
    workers: int = 1,
    port: int | None = None,
) -> Iterator[Serving]:
    """Serve the ledger of a door until the block is left."""
    port = port or free_port()
    process = door.start("serve", "--port", str(port), "--workers", str(workers), *options)
    serving = Serving(process, port, context)
    try:
        _wait(serving)
        yield serving
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=30)
        serving.close()


def _wait(serving: Serving) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end and serving.process.poll() is None:
        try:
            with closing(serving.connect()) as connection:
                answered = exchange(
                    connection, b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                )
        except OSError:
            answered = b""
        if b" 200 " in answered:
            return
        time.sleep(0.05)
    raise AssertionError(f"it does not serve: {serving.log}")
