"""A span of OpenTelemetry for each request, which tells nothing that a client wrote."""

from collections.abc import Callable

import msgspec
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from http_api.operations import HEALTH, METRICS, READINESS
from ledger.ids import format_id
from ledger.secret import mask_secrets

FAILED = 500
# Asked for every few seconds, by machines.
_UNTOLD = frozenset(operation.path for operation in (HEALTH, READINESS, METRICS))
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_PARENT = b"traceparent"

_propagator = TraceContextTextMapPropagator()


class Tracing(msgspec.Struct, frozen=True):
    """Makes spans, until it is closed: then those that wait are sent."""

    tracer: Tracer
    close: Callable[[], None]

    def around(self, app: ASGIApp) -> ASGIApp:
        """An application whose requests are told of."""
        return Traces(app, self.tracer)


class Traces:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, within a span."""
        if scope["type"] != "http" or scope["path"] in _UNTOLD:
            await self._app(scope, receive, send)
            return
        status = 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        # What an exception says may be of a secret.
        with self._tracer.start_as_current_span(
            _method(scope),
            context=_parent(scope),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                await self._app(scope, receive, send_noted)
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise
            finally:
                if span.is_recording():
                    _tell(span, scope, status)


def _tell(span: Span, scope: Scope, status: int) -> None:
    """The route and never the path: what clients write into paths, queries and headers is theirs."""
    state, route = scope["state"], scope.get("route")
    method = _method(scope)
    span.set_attributes(
        {
            "http.request.method": method,
            "url.scheme": scope["scheme"],
            "network.protocol.version": scope["http_version"],
            # A client may have chosen it.
            "keyledger.request_id": mask_secrets(state["request_id"]),
        }
    )
    if route is not None:
        span.set_attribute("http.route", route.path)
        span.update_name(f"{method} {route.path}")
    if status:
        span.set_attribute("http.response.status_code", status)
    if status >= FAILED:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)
    if caller := state.get("caller"):
        span.set_attribute("keyledger.organization", caller.org.name)
        if caller.key_id:
            span.set_attribute("keyledger.key_id", format_id(caller.key_id))


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "_OTHER"


def _parent(scope: Scope) -> Context:
    """The caller's span; of what may come with it, `tracestate` and `baggage`, nothing is carried on."""
    said = next((value for name, value in scope["headers"] if name == _PARENT), b"")
    return _propagator.extract({"traceparent": said.decode("latin-1")}, Context())
