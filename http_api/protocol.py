"""HTTP as uvicorn speaks it, with bounds: on a request's head, and on the time that it may take to arrive."""

from asyncio import TimerHandle
from typing import Any

import msgspec
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from http_api.envelope import new_request_id
from http_api.problems import MEDIA_TYPE, RETRY_AFTER_S, ProblemDocument, ProblemKind
from http_api.settings import Limits


class BoundedConfig(Config):
    """Uvicorn's settings, and the bounds; processes that are started get it handed on."""

    def __init__(self, limits: Limits, *given: Any, **named: Any) -> None:  # noqa: ANN401 - handed on as they come
        super().__init__(*given, **named)
        self.limits = limits


class BoundedProtocol(HttpToolsProtocol):
    """A connection; whoever is too slow or sends too large a head is told so and cut off."""

    def __init__(self, config: BoundedConfig, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(config, *given, **named)
        self.limits = config.limits
        self._refused = False
        self._head = 0
        self._in_head = True
        self._deadline: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvicorn's own type
        """A client is there, and has so long to say what it wants."""
        super().connection_made(transport)
        self._allow(self.limits.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._allow(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes; those of a head are counted."""
        if self._refused:
            return
        if self._in_head:
            if self._deadline is None:
                self._allow(self.limits.head_s)
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > self.limits.head:
            self._refuse(ProblemKind.HEAD_TOO_LARGE, f"a head has {self.limits.head} bytes at most here")

    def on_headers_complete(self) -> None:
        """The head is there; the rest may take longer."""
        self._in_head = False
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.limits.head:
            self._refuse(ProblemKind.HEAD_TOO_LARGE, f"a head has {self.limits.head} bytes at most here")
            return
        if max(len(self.connections), len(self.tasks)) > self.limits.connections:
            self._refuse(ProblemKind.OVERLOADED, "so many clients are served already; come again in a second")
            return
        self._allow(self.limits.request_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is there."""
        if self._refused:
            return
        self._allow(None)
        self._in_head, self._head = True, 0
        super().on_message_complete()

    def _allow(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._time_out)

    def _time_out(self) -> None:
        self._deadline = None
        cycle: RequestResponseCycle | None = self.cycle
        started = cycle is not None and not cycle.response_complete and cycle.response_started
        if started or (self._in_head and not self._head):
            # Nothing was asked for, or an answer is on its way already: there is nobody to tell.
            self.transport.close()
            return
        self._refuse(ProblemKind.TIMED_OUT, "the request did not arrive in time")

    def _refuse(self, kind: ProblemKind, detail: str) -> None:
        self._refused = True
        document = ProblemDocument(kind.uri, kind.title, kind.status, detail, new_request_id())
        content = msgspec.json.encode(document)
        later = f"retry-after: {RETRY_AFTER_S}\r\n" if kind is ProblemKind.OVERLOADED else ""
        size = f"content-length: {len(content)}\r\n"
        head = f"content-type: {MEDIA_TYPE}\r\n{size}connection: close\r\n{later}\r\n".encode()
        if not self.transport.is_closing():
            self.transport.write(STATUS_LINE[kind.status] + head + content)
            self.transport.close()
