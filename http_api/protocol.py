"""HTTP as uvicorn speaks it, with bounds: on heads, and on the time that requests and answers take."""

from asyncio import TimerHandle
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from http_api.envelope import fields_of_all, given_id, new_request_id, note, put_around
from http_api.patience import Patience
from http_api.problems import RETRY_AFTER_S, Problem, ProblemKind, problem_of_status
from http_api.settings import ServerSettings


class BoundedConfig(Config):
    """Uvicorn's settings, and the server's; processes that are started get them handed on."""

    def __init__(self, settings: ServerSettings, *given: Any, **named: Any) -> None:  # noqa: ANN401 - handed on as they come
        super().__init__(*given, **named)
        self.settings = settings


class BoundedProtocol(HttpToolsProtocol):
    """A connection; whoever is too slow or sends too large a head is told so and cut off."""

    def __init__(self, config: BoundedConfig, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(config, *given, **named)
        self.settings = config.settings
        self.limits = config.settings.limits
        self._refused = False
        self._in_head = True
        # What came since the last part of a body: of a head, between chunks, or behind the last of them.
        self._beside = 0
        self._deadline: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvicorn's own type
        """A client is there, and has so long to say what it wants."""
        super().connection_made(transport)
        self._patience = Patience(self.loop, transport, self.limits.unread_s)
        self._allow(self.limits.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._allow(None)
        self._patience.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes; those that are no body are counted."""
        if self._refused:
            return
        if self._in_head and self._deadline is None:
            self._allow(self.limits.head_s)
        self._beside += len(data)
        super().data_received(data)
        if self._beside > self.limits.head:
            self._refuse_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of a head; one behind a body is none, as what stands in front looks at heads alone."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there; the rest may take longer."""
        if self._refused:
            return
        self._in_head, self._beside = False, 0
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self.limits.head:
            self._refuse_head()
            return
        if max(len(self.connections), len(self.tasks)) > self.limits.connections:
            detail = "so many clients are served already; come again in a second"
            self._refuse(Problem(ProblemKind.OVERLOADED, detail, {"Retry-After": str(RETRY_AFTER_S)}))
            return
        self._allow(self.limits.request_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._beside = 0
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is there."""
        if self._refused:
            return
        self._allow(None)
        self._in_head, self._beside = True, 0
        super().on_message_complete()
        # What the next one says is its own.
        self.headers = []

    def on_response_complete(self) -> None:
        """All of an answer is on its way; the last one of a connection has to be read in time too."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._patience.begin()

    def timeout_keep_alive_handler(self) -> None:
        """No further request came."""
        super().timeout_keep_alive_handler()
        self._patience.begin()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered."""
        super().pause_writing()
        self._patience.begin()

    def resume_writing(self) -> None:
        """It has read on."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._patience.end()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        del msg
        self._refuse(problem_of_status(ProblemKind.BAD_REQUEST.status, None))

    def _allow(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._time_out)

    def _time_out(self) -> None:
        self._deadline = None
        if self._in_head and not self._beside:
            # Nothing was asked for: there is nobody to tell.
            self.transport.close()
            return
        self._refuse(Problem(ProblemKind.TIMED_OUT, "the request did not arrive in time"))

    def _refuse_head(self) -> None:
        detail = f"a head, or what stands around a body, has {self.limits.head} bytes at most here"
        self._refuse(Problem(ProblemKind.HEAD_TOO_LARGE, detail))

    def _refuse(self, problem: Problem) -> None:
        """Hear no more of a client, and say why, unless that would be taken for another answer."""
        self._refused = True
        self._allow(None)
        cycle: RequestResponseCycle | None = self.cycle
        is_earlier = cycle is not None and (self._in_head or cycle.scope is not self.scope)
        if cycle is not None and is_earlier and not cycle.response_complete:
            # What that request is answered is the last answer here.
            cycle.keep_alive = False
        elif cycle is not None and not is_earlier and cycle.response_started:
            self.transport.close()
        else:
            self._answer(problem)

    def _answer(self, problem: Problem) -> None:
        if self.transport.is_closing():
            return
        state = {} if self._in_head else self.scope["state"]
        request_id = state.get("request_id") or given_id(self.headers or ()) or new_request_id()
        response = problem.answer(request_id)
        put_around(response.headers, request_id, fields_of_all(is_secure=self.settings.is_secure))
        response.headers["connection"] = "close"
        fields = b"".join(b"%b: %b\r\n" % field for field in response.raw_headers)
        self.transport.write(b"".join((STATUS_LINE[problem.kind.status], fields, b"\r\n", response.body)))
        self.transport.close()
        self._patience.begin()
        client = None if self.client is None else self.client[0]
        note(request_id, problem.kind.status, client, logs=self.settings.log_requests)
