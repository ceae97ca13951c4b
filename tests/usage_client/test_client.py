import logging
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.usage_client.conftest import QUICK, Open, eventually
from tests.usage_client.server import CLIENT_KEY, Reply, Server
from usage_client import Limits, RefusedUse, UsageClient

SECRET = "kl_" + "s" * 43 + "_" + "1a2b3c"


@pytest.fixture(params=["memory", "spool"])
def kept_in(request: pytest.FixtureRequest, spool: Path) -> Path | None:
    return spool if request.param == "spool" else None


def test_a_use_arrives_with_what_was_told_of_it(
    client_of: Open, server: Server, kept_in: Path | None
) -> None:
    client = client_of(spool=kept_in, reporter="gateway")
    at = datetime(2024, 5, 31, 14, 0, 0, 250_000, timezone(timedelta(hours=2)))

    assert client.record(
        key="78bb390c",
        caller="web-1",
        occurred_at=at,
        source_ip="192.0.2.1",
        user_agent="curl/8",
        error=True,
        use_id="r1",
    )

    assert client.flush()
    assert list(server.uses.values()) == [
        {
            "key": "78bb390c",
            "service": "payments",
            "occurred_at": "2024-05-31T12:00:00.250000Z",
            "id": "r1",
            "caller": "web-1",
            "reporter": "gateway",
            "source_ip": "192.0.2.1",
            "user_agent": "curl/8",
            "error": True,
        }
    ]
    assert client.stats().stored == client.stats().recorded == 1


def test_uses_are_sent_together_after_a_while_without_being_asked(
    client_of: Open, server: Server, kept_in: Path | None
) -> None:
    client = client_of(spool=kept_in, limits=Limits(flush_every=0.2))
    for _ in range(50):
        client.record(key="k1")

    eventually(lambda: server.count == 50)

    assert server.bodies == [50]


def test_a_body_holds_no_more_uses_than_its_limit(
    client_of: Open, server: Server, kept_in: Path | None
) -> None:
    client = client_of(spool=kept_in, limits=Limits(batch_uses=20))
    for _ in range(50):
        client.record(key="k1")

    assert client.flush()

    assert server.bodies == [20, 20, 10]


def test_a_resend_after_a_lost_answer_is_counted_once(
    client_of: Open, server: Server, kept_in: Path | None
) -> None:
    server.loses_answers = 2
    client = client_of(spool=kept_in)
    for _ in range(10):
        client.record(key="k1")

    assert client.flush(20)

    assert server.count == 10
    assert server.duplicates == 20
    assert client.stats().duplicates == 10


def test_ids_are_in_the_order_of_time(client_of: Open, server: Server) -> None:
    client = client_of()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for second in range(20):
        client.record(key="k1", occurred_at=start + timedelta(seconds=second))

    assert client.flush()

    ids = [use["id"] for use in server.uses.values()]
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(503, headers={"retry-after": "0"}), id="503"),
        pytest.param(Reply(429, headers={"retry-after": "0"}), id="429"),
        pytest.param(Reply(500), id="500"),
        pytest.param(Reply(401, {"title": "unknown key"}), id="401"),
        pytest.param(Reply(403, {"title": "no scope"}), id="403"),
        pytest.param(Reply(404), id="404"),
        pytest.param(Reply(302, headers={"location": "/elsewhere"}), id="302"),
        pytest.param(Reply(400, {"title": "plain HTTP"}, type="text/html"), id="400 of a proxy"),
        pytest.param(Reply(200, {"hello": "world"}, type="text/html"), id="200 of something else"),
        pytest.param(Reply(200, {"schema": "keyledger.intake/1", "stored": 1}), id="200 for a part"),
    ],
)
def test_whatever_says_nothing_of_the_body_is_tried_again(
    client_of: Open, server: Server, kept_in: Path | None, reply: Reply
) -> None:
    server.replies.append(reply)
    client = client_of(spool=kept_in)
    client.record(key="k1")
    client.record(key="k2")

    assert client.flush(20)

    assert server.count == 2
    assert len(server.requests) == 2
    assert client.stats().refused == 0


def test_a_server_that_was_away_gets_everything_when_it_is_back(
    client_of: Open, server: Server, kept_in: Path | None
) -> None:
    server.down()
    client = client_of(spool=kept_in)
    for _ in range(100):
        client.record(key="k1")
    eventually(lambda: client.stats().failure)

    server.up()

    assert client.flush(20)
    assert server.count == 100
    assert client.stats().failure is None


def test_a_slow_server_slows_nobody_who_records(
    client_of: Open, server: Server, kept_in: Path | None
) -> None:
    server.delay_s = 1
    client = client_of(spool=kept_in, limits=Limits(flush_every=0.001))
    client.record(key="k1")
    eventually(lambda: server.requests)
    started = monotonic()

    for _ in range(1000):
        client.record(key="k1")

    assert monotonic() - started < 1
    server.delay_s = 0
    assert client.flush(20)
    assert server.count == 1001


def test_retry_after_is_honoured(client_of: Open, server: Server) -> None:
    server.replies.append(Reply(503, headers={"retry-after": "3600"}))
    client = client_of()
    client.record(key="k1")
    eventually(lambda: client.stats().failure)

    client.record(key="k2")

    # It would be tried after half a second; a flush asks for one attempt all the same.
    assert len(server.requests) == 1
    assert client.flush()


def test_a_refused_line_is_told_and_never_sent_again(
    client_of: Open, server: Server, kept_in: Path | None, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuses = lambda use: "unknown key" if use["key"] == "gone" else None
    told: list[RefusedUse] = []
    client = client_of(spool=kept_in, on_refused=told.append)
    for key in ("k1", "gone", "k2"):
        client.record(key=key)

    assert client.flush()
    client.record(key="k3")
    assert client.flush()

    assert [(each.use["key"], each.reason) for each in told] == [("gone", "unknown key")]
    assert server.count == 3
    assert sum(server.bodies) == 4
    assert client.stats().refused == 1
    assert "'gone': unknown key" in caplog.text


def test_a_callback_that_fails_stops_nothing(client_of: Open, server: Server) -> None:
    def fail(_: RefusedUse) -> None:
        raise RuntimeError

    server.refuses = lambda use: "unknown key" if use["key"] == "gone" else None
    client = client_of(on_refused=fail)
    client.record(key="gone")
    assert client.flush()

    client.record(key="k1")

    assert client.flush()
    assert server.count == 1


def test_a_body_that_is_too_large_is_halved_until_it_fits(
    client_of: Open, server: Server, kept_in: Path | None
) -> None:
    server.largest_body = 1000
    client = client_of(spool=kept_in)
    for _ in range(20):
        client.record(key="k1")

    assert client.flush()

    assert server.count == 20


def test_the_line_that_spoils_a_body_is_found_and_refused_alone(client_of: Open, server: Server) -> None:
    told: list[RefusedUse] = []
    client = client_of(on_refused=told.append)
    for key in ("k1", "k2", "bad", "k3"):
        client.record(key=key)
    server.spoils = b'"bad"'

    assert client.flush()

    assert [each.use["key"] for each in told] == ["bad"]
    assert {use["key"] for use in server.uses.values()} == {"k1", "k2", "k3"}


@pytest.mark.parametrize(
    "fields",
    [
        {"key": SECRET},
        {"key": f"Bearer {SECRET}"},
        {"key": ""},
        {"key": None},
        {"key": 7},
        {"key": "k" * 513},
        {"key": "k\0"},
        {"key": "k1", "service": "\0"},
        {"key": "k1", "use_id": SECRET * 20},
        {"key": "k1", "occurred_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is the point
        {"key": "k1", "occurred_at": "yesterday"},
    ],
    ids=str,
)
def test_what_is_no_use_is_told_in_the_log_without_what_was_given_and_raises_nothing(
    client_of: Open, server: Server, caplog: pytest.LogCaptureFixture, fields: dict[str, Any]
) -> None:
    client = client_of()

    assert client.record(**fields) is False

    assert client.stats().rejected == 1
    assert "was not recorded" in caplog.text
    assert SECRET not in caplog.text
    assert client.flush()
    assert not server.requests


def test_a_secret_in_what_a_caller_says_is_taken_out(client_of: Open, server: Server, spool: Path) -> None:
    server.down()
    client = client_of(spool=spool)

    client.record(
        key="k1", caller=SECRET, source_ip="192.0.2.1", user_agent=f"tool --key {SECRET}" + "x" * 600
    )

    written = b"".join(path.read_bytes() for path in spool.iterdir())
    assert SECRET.encode() not in written
    server.up()
    assert client.flush(20)
    (use,) = server.uses.values()
    assert use["caller"] == "[secret]"
    assert use["user_agent"].startswith("tool --key [secret]xxx")
    assert len(use["user_agent"]) == 512


def test_a_full_memory_drops_the_newest_and_counts_and_logs_it(
    client_of: Open, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.down()
    client = client_of(limits=Limits(memory_uses=10))
    kept = [client.record(key="k1", use_id=str(number)) for number in range(15)]

    server.up()

    assert kept == [True] * 10 + [False] * 5
    assert client.stats().dropped == 5
    assert [record.message for record in caplog.records].count(
        "a use was dropped: there is no room left; see Limits"
    ) == 1
    assert client.flush(20)
    assert {use["id"] for use in server.uses.values()} == {str(number) for number in range(10)}


def test_closing_delivers_what_waits(client_of: Open, server: Server, kept_in: Path | None) -> None:
    client = client_of(spool=kept_in, limits=Limits(flush_every=60))
    client.record(key="k1")

    assert client.close()

    assert server.count == 1
    assert client.record(key="k2") is False
    assert client.close()


def test_closing_waits_no_longer_than_it_was_told_and_says_what_is_lost(
    client_of: Open, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.down()
    client = client_of()
    client.record(key="k1")

    assert client.close(0.2) is False

    assert "1 uses could not be delivered in time" in caplog.text


def test_closing_leaves_in_the_spool_what_cannot_be_delivered_and_the_next_client_delivers_it(
    client_of: Open, server: Server, spool: Path
) -> None:
    server.down()
    first = client_of(spool=spool)
    for _ in range(10):
        first.record(key="k1")
    assert first.close() is False
    server.up()

    with client_of(spool=spool) as second:
        eventually(lambda: server.count == 10)
        eventually(lambda: second.stats().waiting_bytes == 0)

    assert not list(spool.glob("*.uses"))


def test_a_wrong_key_is_told_once_and_loses_nothing(
    client_of: Open, server: Server, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(spool=spool, api_key=SECRET, limits=Limits(flush_every=0.01))
    for _ in range(3):
        client.record(key="k1")
        client.flush(0.3)

    messages = [record.message for record in caplog.records if record.levelno == logging.WARNING]

    assert len(messages) == 1
    assert "does not know this client's key (401)" in messages[0]
    assert SECRET not in caplog.text
    assert client.stats().failure is not None
    assert client.stats().waiting_bytes > 0
    assert server.count == 0


def test_the_key_is_in_no_repr_of_a_client(client_of: Open) -> None:
    client = client_of()

    assert CLIENT_KEY not in f"{client!r} {client.settings!r} {client.settings.api_key}"


def test_server_and_key_are_taken_from_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYLEDGER_SERVER", server.url)
    monkeypatch.setenv("KEYLEDGER_API_KEY", CLIENT_KEY)

    with UsageClient(service="payments", limits=QUICK) as client:
        client.record(key="k1")
        assert client.flush()

    assert server.count == 1
