"""The client against the real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.door import Door
from tests.usage_client.conftest import eventually
from tests.usage_client.serving import Serving, serving
from usage_client import Limits, UsageClient
from usage_client.moments import SECOND


@pytest.fixture
def served(keyledger: Door) -> Iterator[Serving]:
    """Give a real server."""
    with serving(keyledger) as server:
        yield server


def test_uses_checks_and_heartbeats_come_to_the_ledger(served: Serving, keyledger: Door, spool: Path) -> None:
    # given a reporter that has been up for a minute
    limits = Limits(flush_every=0.05, heartbeat_every=0.1)
    client = UsageClient(served.url, served.reporter_key, service="payments", spool=spool, limits=limits)
    (declared,) = spool.glob("*.declared")
    declared.write_bytes(b"%020d\n" % (int(declared.read_bytes()) - 60 * SECOND))

    with client:
        # when keys are used, checked and mistaken
        verdict = client.check(served.used["secret"], caller="web-1")
        unknown = client.check("kl_nothing")
        for _ in range(3):
            client.record(key=served.used["id"], caller="web-2", error=True)
        client.record(key="no-such-key")
        assert client.flush()

        # then all of it is there
        assert (verdict.valid, verdict.organization, verdict.name) == (True, "acme", "billing")
        assert (verdict.key_id, verdict.scopes) == (served.used["id"], ("deploy",))
        assert unknown.reason == "unknown"
        assert (client.stats().stored, client.stats().refused) == (3, 1)
        assert (served.count("use_count"), served.count("error_count")) == (4, 3)
        eventually(lambda: "coverage-reported" in keyledger.well("events").out)

        # and a revocation is heard by the very next check
        keyledger.well("key", "revoke", served.used["id"], "--yes", "--as", "ada@example.com")
        assert client.check(served.used["secret"]).reason == "revoked"


@pytest.mark.sqlite_only(reason="what is refused does not come to the database")
def test_a_wrong_key_and_one_without_the_scope_lose_nothing(
    served: Serving, keyledger: Door, spool: Path
) -> None:
    limits = Limits(flush_every=0.05, adopt_every=0.1)
    without_scope = keyledger.create("helper", "--scope", "deploy", "--as", "ada@example.com")["secret"]
    for secret, status in (("kl_wrong", "401"), (without_scope, "403")):
        wrong = UsageClient(served.url, secret, service="payments", spool=spool, limits=limits)
        wrong.record(key=served.used["id"])
        assert wrong.close() is False
        assert status in (wrong.stats().failure or "")

    with UsageClient(served.url, served.reporter_key, service="payments", spool=spool, limits=limits):
        eventually(lambda: served.count("use_count") == 2)
