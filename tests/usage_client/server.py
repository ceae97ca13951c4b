"""A small server that keeps to the contract of the HTTP API, and is slow, busy or away when told to be."""

import gzip
import json
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import msgspec

CLIENT_KEY = "kl_" + "c" * 43 + "_" + "000000"
JSON = "application/json"
PROBLEM = "application/problem+json"
UNKNOWN = {
    "valid": False,
    "reason": "unknown",
    "organization": None,
    "key_id": None,
    "name": None,
    "scopes": [],
}


class Reply(msgspec.Struct, frozen=True):
    status: int
    body: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}
    type: str = PROBLEM


class Request(msgspec.Struct, frozen=True):
    path: str
    headers: Message
    body: bytes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def owner(self) -> "Server":
        assert isinstance(self.server, _Listener)
        return self.server.owner

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        reply = self.owner.answer(Request(self.path, self.headers, body))
        if reply is None:
            # The answer is lost on its way.
            self.close_connection = True
            return
        content = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {**reply.headers, "content-type": reply.type}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def setup(self) -> None:
        super().setup()
        self.owner.connections.add(self.connection)

    def log_message(self, *_: object) -> None:
        pass


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, owner: "Server", port: int) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, *_: object) -> None:
        """Clients that are killed break off, which is no news."""


class Server:
    """Uses are told apart by reporter, id and moment, as the ledger does; `uses` holds each line once."""

    def __init__(self) -> None:
        self.uses: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.duplicates = 0
        self.bodies: list[int] = []
        self.requests: list[Request] = []
        self.heartbeats: list[dict[str, str]] = []
        self.replies: deque[Reply] = deque()
        self.delay_s = 0.0
        self.loses_answers = 0
        self.refuses: Callable[[dict[str, Any]], str | None] = lambda _: None
        self.spoils: bytes | None = None
        self.largest_body = 10_000_000
        self.checks: list[dict[str, str]] = []
        self.verdicts: dict[str, dict[str, Any]] = {}
        self.connections: set[socket.socket] = set()
        self._lock = Lock()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._listener: _Listener | None = None
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def count(self) -> int:
        return sum(use.get("count", 1) for use in list(self.uses.values()))

    def up(self) -> None:
        self._listener = _Listener(self, self.port)
        Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        if self._listener is not None:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener = None
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()

    close = down

    def answer(self, request: Request) -> Reply | None:
        with self._lock:
            self.requests.append(request)
            reply = self.replies.popleft() if self.replies else None
        time.sleep(self.delay_s)
        if reply is not None:
            return reply
        if request.headers["authorization"] != f"Bearer {CLIENT_KEY}":
            return Reply(401, {"title": "unknown key"})
        with self._lock:
            match request.path:
                case "/v1/uses":
                    return self._take(request.body)
                case "/v1/heartbeats":
                    self.heartbeats.append(json.loads(request.body))
                    return Reply(201, {}, type=JSON)
                case "/v1/check":
                    self.checks.append(json.loads(request.body))
                    verdict = self.verdicts.get(json.loads(request.body)["secret"], UNKNOWN)
                    return Reply(200, verdict, type=JSON)
                case _:
                    return Reply(404)

    def _take(self, body: bytes) -> Reply | None:
        if len(body) > self.largest_body:
            return Reply(413, {"title": "too large"})
        if self.spoils is not None and self.spoils in body:
            return Reply(400, {"detail": "not UTF-8"})
        stored = duplicates = 0
        refusals = []
        lines = body.splitlines()
        self.bodies.append(len(lines))
        for number, line in enumerate(lines, 1):
            use = json.loads(line)
            if reason := self.refuses(use):
                refusals.append({"line": number, "reason": reason})
            elif (name := (use["reporter"], use["id"], use["occurred_at"])) in self.uses:
                assert self.uses[name] == use, "the same use came with other content"
                duplicates += 1
            else:
                self.uses[name] = use
                stored += 1
        self.duplicates += duplicates
        if self.loses_answers:
            self.loses_answers -= 1
            return None
        counts = {"read": len(lines), "stored": stored, "duplicates": duplicates, "refused": len(refusals)}
        return Reply(200, {"schema": "keyledger.intake/1", **counts, "refusals": refusals}, type=JSON)
