"""Servers in processes of their own, and the load that they are put under; all of it on this machine."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import monotonic, sleep

from benchmarks.errors import NotMeasured

HOST = "127.0.0.1"
START_TIMEOUT_S = 30
CONNECTIONS = 16

_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)")


@contextmanager
def keyledger_server(address: str, *options: str) -> Iterator[int]:
    """`keyledger serve` on a ledger; gives its port."""
    command = [str(Path(sys.executable).parent / "keyledger"), "serve", *options]
    with _server(command, {"KEYLEDGER_URL": address}) as port:
        yield port


@contextmanager
def empty_server() -> Iterator[int]:
    """An empty FastAPI endpoint on the same server, without a log; gives its port."""
    command = [
        *(sys.executable, "-m", "uvicorn", "benchmarks.empty_endpoint:app"),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log"),
    ]
    with _server(command, {}) as port:
        yield port


def wrk(port: int, path: str, request: "Request", seconds: float) -> float:
    """Requests a second that are answered well, by the load generator of that name."""
    program = shutil.which("wrk")
    if program is None:
        raise NotMeasured("it needs wrk: apt-get install wrk")
    with NamedTemporaryFile("w", suffix=".lua", encoding="utf-8") as script:
        script.write(request.lua())
        script.flush()
        ended = subprocess.run(  # noqa: S603 - our own arguments
            [
                *(program, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"),
                *("-s", script.name, f"http://{HOST}:{port}{path}"),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + START_TIMEOUT_S,
        )
    if bad := _BAD.search(ended.stdout):
        raise NotMeasured(f"not every request was answered well: {bad[0]}")
    found = _RATE.search(ended.stdout)
    if found is None:
        raise NotMeasured("wrk has told no rate")
    return float(found[1])


class Request:
    """What is sent again and again."""

    def __init__(self, body: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        self.body = body
        self.headers = [("Content-Type", "application/json"), *headers]

    def lua(self) -> str:
        """As a script of wrk; the texts are ours and hold no `]]`."""
        headers = "".join(f"wrk.headers[ [[{name}]] ] = [[{value}]]\n" for name, value in self.headers)
        return f'wrk.method = "POST"\nwrk.body = [[{self.body}]]\n{headers}'

    def raw(self, path: str) -> bytes:
        """As bytes on the wire."""
        content = self.body.encode()
        lines = [f"POST {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode() + content


@contextmanager
def _server(command: Sequence[str], environment: dict[str, str]) -> Iterator[int]:
    with socket.create_server((HOST, 0)) as listening:
        port = int(listening.getsockname()[1])
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*command, "--port", str(port)],
        env={**os.environ, **environment},  # noqa: TID251 - the rest of it is to be as it is here
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[1],
    )
    try:
        _await(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(START_TIMEOUT_S)


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = monotonic() + START_TIMEOUT_S
    while monotonic() < end:
        if process.poll() is not None:
            break
        connection = HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise NotMeasured("a server did not start")
