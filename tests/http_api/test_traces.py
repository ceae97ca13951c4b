"""Spans for whoever asks by OpenTelemetry's variables: what they tell, and that nothing in them is secret."""

import gzip
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Thread
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from http_api.telemetry import is_tracing, open_tracing
from http_api.traces import Tracing
from ledger.errors import InvalidInput
from ledger.ids import format_id
from ledger.secret import new_secret
from tests.door import Door
from tests.http_api.process import serving
from tests.http_api.served import Served, served
from tests.office import Office

pytestmark = pytest.mark.sqlite_only(reason="it is about what is told of requests")

SECRET = new_secret("kl", Random(5).randbytes).reveal()
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traced(office: Office, spans: InMemorySpanExporter) -> Iterator[Served]:
    """Give a server whose spans are kept."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with served(office, tracing=Tracing(provider.get_tracer("keyledger"), provider.shutdown)) as api:
        yield api


def told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_request_is_a_span_of_its_route_within_the_callers(
    traced: Served, spans: InMemorySpanExporter
) -> None:
    key = traced.key("audit:read")
    headers = {
        "traceparent": PARENT,
        "tracestate": f"k={SECRET}",
        "baggage": f"k={SECRET}",
        "X-Request-Id": "r1",
    }

    traced("GET", f"/v1/keys/{format_id(key.id)}", key, headers=headers)
    traced("GET", "/v1/authorize", key)

    showed, authorized = spans.get_finished_spans()
    assert (showed.name, showed.kind) == ("GET /v1/keys/{key}", SpanKind.SERVER)
    assert told(showed) == {
        "http.request.method": "GET",
        "http.route": "/v1/keys/{key}",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "keyledger.request_id": "r1",
        "keyledger.organization": "acme",
        "keyledger.key_id": format_id(key.id),
    }
    assert showed.context is not None
    assert showed.parent is not None
    assert f"{showed.context.trace_id:032x}" == PARENT[3:35]
    assert f"{showed.parent.span_id:016x}" == PARENT[36:52]
    assert not showed.context.trace_state
    assert (authorized.name, authorized.parent) == ("GET /v1/authorize", None)


def test_no_span_holds_a_secret_wherever_a_client_writes_it(
    traced: Served, spans: InMemorySpanExporter
) -> None:
    key = traced.key("keys:manage", name="boss")
    mine = key.secret.reveal()
    headers = {
        "X-Request-Id": SECRET,
        "User-Agent": SECRET,
        "tracestate": f"k={SECRET}",
        "On-Behalf-Of": SECRET,
    }

    traced("GET", f"/v1/keys/{SECRET}?name={SECRET}", key, headers=headers)
    traced("POST", "/v1/keys", key, body={"name": SECRET, "expires_at": SECRET})
    traced("GET", f"/{SECRET}", key)
    traced("POST", "/v1/check", key, body={"secret": SECRET, "service": SECRET})
    traced("GET", "/v1/authorize", SECRET)

    finished = spans.get_finished_spans()
    everything = " ".join(each.to_json() for each in finished)
    assert len(finished) == 5
    assert SECRET not in everything
    assert mine not in everything
    assert finished[2].name == "GET"


def test_what_fails_is_told_without_what_the_exception_says(
    traced: Served, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(traced.app.state.desk, "view", fail)

    answered = traced("GET", "/v1/keys", traced.key("audit:read"))

    (span,) = spans.get_finished_spans()
    assert answered.status_code == 500
    assert (told(span)["error.type"], span.status.is_ok, span.events) == ("RuntimeError", False, ())
    assert SECRET not in span.to_json()


def test_whoever_looks_whether_it_lives_is_no_span(traced: Served, spans: InMemorySpanExporter) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert traced("GET", path).status_code == 200

    assert spans.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
    ids=["nothing", "exporter", "endpoint", "none", "disabled"],
)
def test_traces_are_made_where_they_are_asked_for(variables: Mapping[str, str], *, wanted: bool) -> None:
    opened = open_tracing(variables)

    assert is_tracing(variables) is wanted
    assert (opened is not None) is wanted
    if opened is not None:
        opened.close()


def test_a_server_may_have_another_name_in_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "keys")

    opened = open_tracing({**os.environ, "OTEL_TRACES_EXPORTER": "otlp"})

    assert opened is not None
    span = opened.tracer.start_span("any")
    opened.close()
    assert isinstance(span, ReadableSpan)
    assert span.resource.attributes["service.name"] == "keys"


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
    ids=["exporter", "protocol"],
)
def test_other_ways_for_traces_are_refused_before_anything_is_served(
    keyledger: Door, variables: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput):
        is_tracing(variables)

    answer = keyledger.process("serve", environment=variables)

    assert (answer.status, "traces go out by" in answer.err) == (1, True)


def test_traces_that_are_asked_for_without_the_extra_are_told_as_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with pytest.raises(InvalidInput, match=r"pip install 'keyledger\[telemetry\]'"):
        open_tracing({"OTEL_TRACES_EXPORTER": "otlp"})


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Take in what is exported; gives the address and the bodies."""
    bodies: list[bytes] = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is in the library
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()
        thread.join(timeout=10)


def test_a_server_sends_its_spans_to_a_collector_before_it_ends(
    keyledger: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keyledger.create("reader", "--scope", "audit:read")["secret"]
    with collector() as (address, bodies):
        monkeypatch.setitem(os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT", address)
        with serving(keyledger) as server:
            httpx.get(f"{server.url}/v1/caller", headers={"api-key": key})
            status = server.terminate()

    assert status == 0
    exported = ExportTraceServiceRequest()
    exported.ParseFromString(bodies[0])
    (resource,) = exported.resource_spans
    names = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert names["service.name"] == "keyledger"
    assert [span.name for span in resource.scope_spans[0].spans] == ["GET /v1/caller"]
    assert not [body for body in bodies if key.encode() in body]
