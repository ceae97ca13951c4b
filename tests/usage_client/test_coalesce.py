import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.usage_client.conftest import Open, eventually
from tests.usage_client.server import CLIENT_KEY, Server
from usage_client import Limits
from usage_client.coalesce import coalesced
from usage_client.moments import format_moment
from usage_client.use_line import write_line

START = datetime(2026, 1, 1, tzinfo=UTC)

USES = st.lists(
    st.tuples(
        st.sampled_from(["k1", "k2"]),
        st.sampled_from(["web-1", None]),
        st.integers(0, 10**13),
        st.booleans(),
    ),
    max_size=30,
)


@given(USES)
def test_counts_errors_first_and_last_are_exact(uses: list[tuple[str, str | None, int, bool]]) -> None:
    lines = [
        write_line(
            {
                "key": key,
                "service": "payments",
                "caller": caller,
                "occurred_at": format_moment(at),
                "id": str(number),
                "error": error,
            }
        )
        for number, (key, caller, at, error) in enumerate(uses)
    ]

    found = [json.loads(line) for line in coalesced("segment", lines)]

    assert sum(line.get("count", 1) for line in found) == len(uses)
    for line in found:
        same = [use for use in uses if use[:2] == (line["key"], line.get("caller"))]
        moments = [at for _, _, at, _ in same]
        assert line.get("count", 1) == len(same)
        assert line["occurred_at"] == format_moment(min(moments))
        assert line.get("last_at", line["occurred_at"]) == format_moment(max(moments))
        assert line.get("error_count", int(line.get("error", False))) == sum(error for *_, error in same)


def test_the_same_segment_gives_the_same_lines_and_another_gives_others() -> None:
    lines = [
        write_line({"key": "k1", "service": "payments", "occurred_at": format_moment(at), "id": str(at)})
        for at in range(3)
    ]

    assert coalesced("one", lines) == coalesced("one", lines)
    assert coalesced("one", lines) != coalesced("two", lines)


def test_uses_arrive_coalesced(client_of: Open, server: Server, spool: Path) -> None:
    client = client_of(spool=spool, coalesce=True, limits=Limits(coalesce_every=60))
    for second in range(100):
        at = START + timedelta(seconds=second)
        client.record(key="k1", caller=f"web-{second % 2}", occurred_at=at, error=second < 10)

    assert client.flush()

    told = sorted(server.uses.values(), key=lambda use: str(use["caller"]))
    assert [(use["caller"], use["count"], use["error_count"]) for use in told] == [
        ("web-0", 50, 5),
        ("web-1", 50, 5),
    ]
    assert (told[1]["occurred_at"], told[1]["last_at"]) == ("2026-01-01T00:00:01Z", "2026-01-01T00:01:39Z")


def test_what_a_killed_process_had_sent_is_coalesced_the_same_again_and_counts_once(
    client_of: Open, server: Server, spool: Path
) -> None:
    # given a process that is killed after the server has its uses and before it knows
    server.loses_answers = 1
    code = """
import os, signal, sys, time
from usage_client import Limits, UsageClient
url, key, spool = sys.argv[1:]
limits = Limits(coalesce_every=60)
client = UsageClient(url, key, service="payments", spool=spool, coalesce=True, limits=limits)
for _ in range(100):
    client.record(key="k1")
client.flush(0.01)
while client.stats().failure is None:
    time.sleep(0.002)
client.record(key="k2")
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", code, server.url, CLIENT_KEY, spool], check=False)
    assert ended.returncode == -9
    assert server.count == 100

    # when the next one takes over
    client = client_of(spool=spool, coalesce=True)
    client.start()
    eventually(lambda: not list(spool.glob("*.uses")))

    # then nothing is counted twice
    counts = Counter({use["key"]: use.get("count", 1) for use in server.uses.values()})
    assert counts == {"k1": 100, "k2": 1}
    assert server.duplicates == 1
