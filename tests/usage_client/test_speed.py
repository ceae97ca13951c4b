"""What the client costs the service that it is in, measured in processes of their own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.usage_client.server import CLIENT_KEY

ROUNDS = 20
# As docs/services.md tells it, in microseconds.
MOST_P99_US = 300

pytestmark = pytest.mark.performance

SERVER = """
import sys
from tests.usage_client.server import Server
print(Server().url, flush=True)
sys.stdin.read()
"""

# A thousand times a second, as a service that has other things to do, while what was recorded is delivered.
RECORD = """
import sys
from time import perf_counter_ns, sleep
from usage_client import Limits, UsageClient
url, key, spool = sys.argv[1:]
client = UsageClient(url, key, service="payments", spool=spool or None, limits=Limits(flush_every=0.2))
times = []
for number in range(1500):
    started = perf_counter_ns()
    client.record(key="78bb390c-466c-408c-8de4-cf26b5ba5ae6", caller="web-1", source_ip="192.0.2.1")
    times.append(perf_counter_ns() - started)
    sleep(0.001)
assert client.close() and client.stats().stored == 1500
print(sorted(times[500:])[990] / 1000)
"""

CHECK_WHILE_DOWN = """
import sys
from time import perf_counter_ns, sleep
from usage_client import UsageClient
client = UsageClient("http://127.0.0.1:9", sys.argv[2], service="payments", when_down="accept-known")
for number in range(5):
    client.check("kl_some_key")
times = []
for number in range(500):
    started = perf_counter_ns()
    assert not client.check("kl_some_key").valid
    times.append(perf_counter_ns() - started)
    sleep(0.001)
print(sorted(times)[494] / 1000)
"""


@pytest.fixture
def url() -> Iterator[str]:
    """Give a server in a process of its own, which takes nothing of the client's interpreter."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def least(measure: Callable[[], float]) -> float:
    """The best of some rounds: what else the machine does only ever adds."""
    best = float("inf")
    for _ in range(ROUNDS):
        best = min(best, measure())
        if best <= MOST_P99_US:
            break
    return best


def measured(code: str, *arguments: str) -> float:
    command = [sys.executable, "-c", code, *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)


@pytest.mark.parametrize("with_spool", [True, False], ids=["spool", "memory"])
def test_of_a_hundred_calls_of_record_99_take_less_than_300_microseconds(
    url: str, tmp_path: Path, *, with_spool: bool
) -> None:
    spool = str(tmp_path / "spool") if with_spool else ""

    assert least(lambda: measured(RECORD, url, CLIENT_KEY, spool)) <= MOST_P99_US


def test_while_the_server_is_down_99_of_a_hundred_checks_take_less_than_300_microseconds(url: str) -> None:
    assert least(lambda: measured(CHECK_WHILE_DOWN, url, CLIENT_KEY)) <= MOST_P99_US
