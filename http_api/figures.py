"""What a server counts of itself."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

# Where several processes share what they count; prometheus_client reads it too.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_registry = CollectorRegistry()

ANSWERS = Counter(
    "keyledger_http_answers", "Answers, by route and status.", ("route", "status"), registry=_registry
)
SECONDS = Histogram(
    "keyledger_http_seconds",
    "How long answers took, by route.",
    ("route",),
    buckets=_SECONDS,
    registry=_registry,
)
CHECKS = Counter("keyledger_checks", "Verdicts on presented secrets.", ("verdict",), registry=_registry)
GROUP = Histogram(
    "keyledger_check_group",
    "How many checks shared a commit.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    registry=_registry,
)
WAITING = Gauge(
    "keyledger_checks_waiting", "Checks that wait.", multiprocess_mode="livesum", registry=_registry
)
USES = Counter(
    "keyledger_uses", "Uses that were sent, by what became of them.", ("outcome",), registry=_registry
)


def collected() -> CollectorRegistry:
    """What is counted, of all processes of the server."""
    if SHARED not in os.environ:
        return _registry
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return shared
