"""A webhook of the test's own: a real HTTP server that keeps what it is sent and answers as it is told."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec


class Delivery(msgspec.Struct, frozen=True):
    """A request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Hook:
    """Where requests arrive; answers are taken in turn, the last one for all that follow."""

    def __init__(self, *answers: int, headers: dict[str, str] | None = None, delay_s: float = 0.0) -> None:
        self.deliveries: list[Delivery] = []
        self.released = threading.Event()
        self._answers = list(answers) or [200]
        self._headers = headers or {}
        self._delay_s = delay_s
        self.url = ""

    def take(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers["Content-Length"])
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.deliveries.append(Delivery(headers, request.rfile.read(length)))
        self.released.wait(self._delay_s)
        request.send_response(self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])
        for name, value in self._headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()


@contextmanager
def serving(hook: Hook, tls: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """Let it be reached until the block is left."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.take(self)

        do_GET = do_POST  # noqa: N815 - so the library calls it

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        hook.url = f"{scheme}://localhost:{server.server_port}/services/T000/B000/very-secret-part"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hook
        finally:
            hook.released.set()
            server.shutdown()
            thread.join()
