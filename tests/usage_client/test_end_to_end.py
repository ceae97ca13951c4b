"""The client against the real server."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.door import Door
from tests.http_api.certificate import certified
from tests.http_api.process import serving as serving_by
from tests.programs import installed
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


@pytest.mark.sqlite_only(reason="it is about what travels, whichever database is behind")
def test_keys_and_uses_travel_by_tls_to_whom_an_authority_vouches_for(
    keyledger: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a server with a certificate of a private authority, on an address that others can reach
    curl = installed("curl")
    made = certified(tmp_path, "localhost", "127.0.0.1")
    reporter = keyledger.create("reporter", "--scope", "uses:append", "--scope", "keys:check")["secret"]
    used = keyledger.create("billing")
    limits = Limits(flush_every=0.05)
    everywhere = (*made.options, "--host", "0.0.0.0")  # noqa: S104 - it is refused without TLS
    with serving_by(keyledger, *everywhere, context=made.context) as server:
        # when one client trusts the authority and one does not
        distrusting = UsageClient(server.url, reporter, service="payments", limits=limits)
        doubtful = distrusting.check(used["secret"])
        distrusting.close(0)
        monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
        with UsageClient(server.url, reporter, service="payments", limits=limits) as client:
            verdict = client.check(used["secret"])
            client.record(key=used["id"])
            assert client.flush()
            assert client.stats().stored == 1
        asked = subprocess.run(
            [
                curl,
                "-sS",
                "-i",
                "--cacert",
                made.authority,
                "-H",
                "@-",
                f"{server.url}/v1/caller",
            ],
            input=f"api-key: {used['secret']}\n",
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    # then the one is served, as curl is, and the other sends its key to nobody
    assert (verdict.valid, verdict.is_certain, verdict.name) == (True, True, "billing")
    assert (doubtful.valid, doubtful.is_certain) == (False, False)
    assert "HTTP/1.1 200 OK" in asked
    assert "strict-transport-security: max-age=31536000" in asked
