"""Whether the environment asks for traces, by the variables of OpenTelemetry, and where they go then."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ledger import __version__
from ledger.errors import InvalidInput

if TYPE_CHECKING:
    from http_api.traces import Tracing

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTER = "OTEL_TRACES_EXPORTER"
_NAME = "OTEL_SERVICE_NAME"
_RESOURCE = "OTEL_RESOURCE_ATTRIBUTES"
_OTLP = "otlp"
_SPOKEN = "http/protobuf"


def is_tracing(environ: Mapping[str, str]) -> bool:
    """Whether traces are asked for; InvalidInput where they are to go by another way than OTLP over HTTP."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environ.get(_EXPORTER, "").strip().lower()
    if exporter == "none" or not (exporter or any(environ.get(name) for name in _ENDPOINTS)):
        return False
    if exporter not in {"", _OTLP}:
        raise InvalidInput(f"traces go out by {_OTLP} alone; set {_EXPORTER} to {_OTLP} or none")
    for name in _PROTOCOLS:
        if environ.get(name, _SPOKEN) != _SPOKEN:
            raise InvalidInput(f"traces go out by {_SPOKEN} alone; unset {name}")
    return True


def open_tracing(environ: Mapping[str, str]) -> "Tracing | None":
    """Traces to where the environment says, if it does; all else of theirs OpenTelemetry reads there itself.

    Raises InvalidInput for what cannot be, and where the extra `telemetry` is not installed.
    """
    if not is_tracing(environ):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        from http_api.traces import Tracing  # noqa: PLC0415 - an extra, and only what is in use
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"traces need {error.name}, which is not installed; run `pip install 'keyledger[telemetry]'`,"
            f" or set {_EXPORTER}=none"
        ) from None
    said = {SERVICE_VERSION: __version__}
    if not (environ.get(_NAME) or SERVICE_NAME in environ.get(_RESOURCE, "")):
        said[SERVICE_NAME] = "keyledger"
    provider = TracerProvider(resource=Resource.create(said), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider.get_tracer("keyledger", __version__), provider.shutdown)
