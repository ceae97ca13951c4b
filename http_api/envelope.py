"""What every answer has around it: an id, security headers, a line in the log, and no traceback."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from secrets import token_bytes
from time import perf_counter
from typing import TypeAlias

from prometheus_client import Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from http_api.figures import ANSWERS, SECONDS
from http_api.problems import problem_of
from ledger.ids import format_id

BAD = 400
_ID_BYTES = 8
_DRAWN = 256
REQUEST_ID = "x-request-id"
HSTS = "max-age=31536000; includeSubDomains"

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ALWAYS = (
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
)

Fields: TypeAlias = tuple[tuple[str, str], ...]

log = logging.getLogger("http_api.requests")


class Envelope:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, *, is_secure: bool, logs: bool, new_id: Callable[[], str]) -> None:
        self._app = app
        self._always = fields_of_all(is_secure=is_secure)
        self._logs = logs
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and what comes back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        request_id = given_id(scope["headers"]) or self._new_id()
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = 0

        async def send_in_envelope(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                put_around(headers, request_id, self._always)
                if rate := state.get("rate"):
                    for name, value in rate.headers.items():
                        headers[name] = value
            await send(message)

        try:
            await self._app(scope, receive, send_in_envelope)
        except ClientDisconnect:
            # There is nobody to tell; the log has it without a status.
            status = 0
        except Exception as error:
            log.exception("failed", extra={"request_id": request_id})
            if status:
                raise
            await problem_of(error).answer(request_id)(scope, receive, send_in_envelope)
        finally:
            took_s = perf_counter() - began
            _count(scope, status, took_s)
            if self._logs and not (state.get("is_recorded") and 0 < status < BAD):
                _log(scope, status, took_s)


def _ids() -> Iterator[str]:
    # Many at a time: to ask the system for each gives way to other threads, and waits to be let on.
    while True:
        raw = token_bytes(_ID_BYTES * _DRAWN)
        for start in range(0, len(raw), _ID_BYTES):
            yield raw[start : start + _ID_BYTES].hex()


_fresh = _ids()


def new_request_id() -> str:
    """16 hexadecimal digits that nobody can guess and no two requests share; for one thread alone."""
    return next(_fresh)


def request_id_of(request: Request) -> str:
    """The id of a request, which its answer and its line in the log carry."""
    return str(request.state.request_id)


def given_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The id that a client has given its request, where it can be one."""
    for name, value in headers:
        if name == b"x-request-id":
            return value.decode() if _GIVEN_ID.fullmatch(value) else None
    return None


def fields_of_all(*, is_secure: bool) -> Fields:
    """The headers that every answer has, beside the id of its request."""
    return (*_ALWAYS, ("strict-transport-security", HSTS)) if is_secure else _ALWAYS


def put_around(headers: MutableHeaders, request_id: str, always: Fields) -> None:
    """Give an answer the headers that every one has; what it says of them itself stands."""
    headers[REQUEST_ID] = request_id
    for name, value in always:
        headers.setdefault(name, value)


def note(request_id: str, status: int, client: str | None, *, logs: bool) -> None:
    """Count, and log, an answer to what never became a request."""
    _figures("", status)[0].inc()
    if logs:
        log.info("answered", extra={"request_id": request_id, "status": status, "client": client})


def _count(scope: Scope, status: int, took_s: float) -> None:
    route = scope.get("route")
    path = route.path if route is not None else ""
    answers, seconds = _figures(path, status)
    answers.inc()
    seconds.observe(took_s)


@lru_cache(4096)
def _figures(path: str, status: int) -> tuple[Counter, Histogram]:
    # To look these up takes longer than to count.
    return ANSWERS.labels(path, status), SECONDS.labels(path)


def _log(scope: Scope, status: int, took_s: float) -> None:
    state = scope["state"]
    caller = state.get("caller")
    route = scope.get("route")
    log.info(
        "answered",
        extra={
            "request_id": state["request_id"],
            "method": scope["method"],
            # The route and not the path: what clients write into paths is theirs.
            "route": route.path if route is not None else None,
            "status": status,
            "took_ms": round(took_s * 1000, 2),
            "client": scope["client"][0] if scope.get("client") else None,
            "organization": caller.org.name if caller else None,
            "key_id": format_id(caller.key_id) if caller and caller.key_id else None,
        },
    )
