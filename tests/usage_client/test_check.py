import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import TypeAlias

import pytest

from tests.usage_client.conftest import Open, eventually
from tests.usage_client.server import PROBLEM, UNKNOWN, Reply, Server
from usage_client import Limits, UsageClient, Verdict
from usage_client.breaker import FAILURES, Breaker
from usage_client.known_keys import KNOWN_FOR_S, MOST, KnownKeys

GOOD = "kl_" + "g" * 43 + "_" + "1a2b3c"
REVOKED = "kl_" + "r" * 43 + "_" + "1a2b3c"
STRANGE = "kl_" + "u" * 43 + "_" + "1a2b3c"
VALID = UNKNOWN | {
    "valid": True,
    "reason": None,
    "organization": "acme",
    "key_id": "78bb390c",
    "name": "ci",
    "scopes": ["deploy"],
}

Ask: TypeAlias = Callable[..., Verdict]


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Give both ways to check, of which one has a loop that lasts."""
    clients: set[UsageClient] = set()
    with asyncio.Runner() as runner:

        def check(client: UsageClient, secret: str, **said: str) -> Verdict:
            if request.param == "sync":
                return client.check(secret, **said)
            clients.add(client)
            return runner.run(client.check_async(secret, **said))

        yield check
        for client in clients:
            runner.run(client.close_async_checks())


@pytest.fixture(autouse=True)
def _keys(server: Server) -> None:
    server.verdicts[GOOD] = VALID
    server.verdicts[REVOKED] = VALID | {"valid": False, "reason": "revoked"}


def test_a_valid_key_is_told_with_its_organization_id_name_and_scopes(client_of: Open, ask: Ask) -> None:
    assert ask(client_of(), GOOD) == Verdict(
        valid=True, organization="acme", key_id="78bb390c", name="ci", scopes=("deploy",)
    )


def test_a_refused_key_is_told_with_its_reason(client_of: Open, ask: Ask) -> None:
    client = client_of()

    assert ask(client, REVOKED).reason == "revoked"
    assert ask(client, STRANGE) == Verdict(valid=False, reason="unknown")


def test_the_server_hears_who_presented_the_key_and_where(client_of: Open, server: Server, ask: Ask) -> None:
    ask(client_of(), GOOD, caller="web-1", source_ip="192.0.2.1", user_agent="curl/8")

    assert server.checks == [
        {
            "secret": GOOD,
            "service": "payments",
            "caller": "web-1",
            "source_ip": "192.0.2.1",
            "user_agent": "curl/8",
        }
    ]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_of_the_environment_sees_keys_that_go_in_the_clear_to_this_machine(
    client_of: Open, server: Server, ask: Ask, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    client = client_of()

    assert ask(client, GOOD).valid
    assert client.record(key="78bb390c")
    assert client.flush(5)
    assert len(server.uses) == 1


@pytest.mark.parametrize("rubbish", ["", "x" * 513, "k\u00e9y", "line\nfeed"], ids=repr)
def test_what_no_key_looks_like_is_unknown_without_asking(
    client_of: Open, server: Server, ask: Ask, rubbish: str
) -> None:
    assert ask(client_of(), rubbish).reason == "unknown"
    assert server.requests == []


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(503), id="503"),
        pytest.param(Reply(429), id="429"),
        pytest.param(Reply(401), id="401"),
        pytest.param(Reply(200, {"valid": "yes"}), id="no boolean"),
        pytest.param(Reply(200, {"valid": True}), id="no key id"),
        pytest.param(Reply(200, {"hello": "world"}), id="something else"),
        pytest.param(Reply(302, headers={"location": "/"}), id="302"),
    ],
)
def test_nothing_but_a_verdict_is_a_yes(client_of: Open, server: Server, ask: Ask, reply: Reply) -> None:
    server.replies.append(reply)

    assert ask(client_of(), GOOD) == Verdict(valid=False, reason="unavailable", is_certain=False)


def test_a_slow_server_is_waited_for_no_longer_than_the_limit(
    client_of: Open, server: Server, ask: Ask
) -> None:
    server.delay_s = 5
    client = client_of(limits=Limits(check_timeout=0.2))
    started = monotonic()

    verdict = ask(client, GOOD)

    assert verdict.reason == "unavailable"
    assert monotonic() - started < 1


def test_after_five_failures_nobody_waits_until_the_server_is_back(
    client_of: Open, server: Server, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "usage_client")
    server.down()
    client = client_of()
    for _ in range(FAILURES):
        ask(client, GOOD)
    assert client.stats().checks_down

    # when it is back
    server.up()
    assert not ask(client, GOOD).valid
    assert server.requests == []

    # then one tries after a while, and all are let through again
    eventually(lambda: ask(client, GOOD).valid)
    assert not client.stats().checks_down
    warnings = [record.message for record in caplog.records if record.name == "usage_client"]
    assert len(warnings) == 2
    assert "requests are refused" in warnings[0]
    assert "checks keys again" in warnings[1]
    assert GOOD not in caplog.text


def test_rubbish_that_the_server_refuses_does_not_open_the_breaker(
    client_of: Open, server: Server, ask: Ask
) -> None:
    client = client_of(when_down="accept")
    for _ in range(2 * FAILURES):
        server.replies.append(Reply(422, {"title": "no key"}, type=PROBLEM))
        assert ask(client, STRANGE).reason == "unknown"

    assert not client.stats().checks_down


def test_accepting_known_keys_lets_in_those_that_were_valid_and_reports_their_uses_later(
    client_of: Open, server: Server, ask: Ask, spool: Path
) -> None:
    client = client_of(when_down="accept-known", spool=spool)
    assert ask(client, GOOD).is_certain
    ask(client, REVOKED)
    server.down()

    let_in = ask(client, GOOD, caller="web-1")
    refused = [ask(client, secret).valid for secret in (REVOKED, STRANGE)]

    assert (let_in.valid, let_in.is_certain, let_in.key_id) == (True, False, "78bb390c")
    assert refused == [False, False]
    assert GOOD.encode() not in b"".join(path.read_bytes() for path in spool.iterdir())
    server.up()
    assert client.flush(20)
    (use,) = server.uses.values()
    assert (use["key"], use["caller"]) == ("78bb390c", "web-1")


def test_accepting_all_keys_still_refuses_those_known_to_be_revoked_and_counts_the_unidentified(
    client_of: Open, server: Server, ask: Ask
) -> None:
    client = client_of(when_down="accept")
    ask(client, REVOKED)
    server.down()

    assert ask(client, STRANGE).valid
    assert not ask(client, REVOKED).valid
    assert client.stats().unidentified == 1


def test_a_revocation_is_heard_by_the_next_check_whatever_was_known_before(
    client_of: Open, server: Server, ask: Ask
) -> None:
    client = client_of(when_down="accept-known")
    assert ask(client, GOOD).valid

    server.verdicts[GOOD] = VALID | {"valid": False, "reason": "revoked"}

    assert not ask(client, GOOD).valid
    server.down()
    assert not ask(client, GOOD).valid


def test_known_keys_are_forgotten_after_a_while_and_are_bounded() -> None:
    now = 0.0
    known = KnownKeys(lambda: now, bytes)
    verdict = Verdict(valid=True, key_id="k1")
    for number in range(MOST + 1):
        known.remember(str(number), verdict)

    assert known.recall("0") is None
    assert known.recall("1") == verdict
    now = KNOWN_FOR_S
    assert known.recall("1") is None


def test_an_open_breaker_lets_one_through_at_a_time_less_and_less_often() -> None:
    now = 0.0
    breaker = Breaker(lambda: now, lambda: 1.0)
    for _ in range(FAILURES):
        assert breaker.lets_through()
        breaker.failed()

    tried = []
    for tenth in range(700):
        now = tenth / 10
        if breaker.lets_through():
            tried.append(now)
            breaker.failed()

    assert tried == [1.0, 3.0, 7.0, 15.0, 31.0, 61.0]
    now = 100.0
    assert breaker.lets_through()
    breaker.succeeded()
    assert breaker.lets_through()
    assert breaker.lets_through()
