"""nginx before an application, and a real `keyledger serve`: who passes, as whom, what when it is down."""

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.gateway import API, PREVIEW, Answered, Gateway, application, gateway
from tests.door import Door
from tests.http_api.process import Serving, free_port, serving

pytestmark = pytest.mark.sqlite_only(reason="it is about what stands in front, whichever database is behind")

HOME = f"https://{PREVIEW}/"
IDENTITY = (
    "HTTP_X_KEYLEDGER_ORGANIZATION",
    "HTTP_X_KEYLEDGER_KEY_ID",
    "HTTP_X_KEYLEDGER_KEY_NAME",
    "HTTP_X_KEYLEDGER_SCOPES",
)
HSTS = ["max-age=31536000; includeSubDomains"]
BEHIND = ("--behind-tls-proxy", "--gateway-keys")


class Site:
    """All that stands together, and keys to it."""

    def __init__(self, door: Door, folder: Path, stack: ExitStack) -> None:
        self.door = door
        self.port = free_port()
        self.secrets: list[str] = []
        asker = self.key("gateway", "--scope", "keys:check")["secret"]
        self.server = self._serve(stack)
        self.front: Gateway = stack.enter_context(
            gateway(folder / "nginx", self.port, stack.enter_context(application()), asker)
        )

    def _serve(self, stack: ExitStack) -> Serving:
        return stack.enter_context(serving(self.door, *BEHIND, port=self.port))

    def serve_again(self, stack: ExitStack) -> None:
        self.server = self._serve(stack)

    def key(self, name: str, *options: str) -> dict[str, Any]:
        made = self.door.create(name, *options)
        self.secrets.append(made["secret"])
        return made

    def get(self, secret: str | None, *headers: str, url: str = HOME) -> Answered:
        """Ask as `curl -H 'api-key: ...' https://...` does."""
        presented = () if secret is None else (f"api-key: {secret}",)
        return self.front.curl(url, headers=(*presented, *headers))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def site(keyledger: Door, tmp_path: Path, stack: ExitStack) -> Site:
    """Give a gateway in front of an application and of the API."""
    return Site(keyledger, tmp_path, stack)


def test_a_gateway_lets_in_who_holds_a_key_and_says_who_it_is(site: Site) -> None:
    key = site.key("ci-github-actions", "--scope", "deploy", "--scope", "previews:read")

    passed = site.get(key["secret"], "Authorization: Basic dTpw", "Cookie: a=b", url=f"{HOME}a%20b?c=d")

    assert passed.status == 200
    told = passed.json
    identity = ["acme", key["id"], "ci-github-actions", "deploy previews:read"]
    assert [told.get(name) for name in IDENTITY] == identity
    assert (told["path"], told["query"]) == ("/a b", "c=d")
    assert (told["HTTP_AUTHORIZATION"], told["HTTP_COOKIE"]) == ("Basic dTpw", "a=b")
    assert "HTTP_API_KEY" not in told
    assert passed.headers["strict-transport-security"] == HSTS
    posted = site.front.curl(HOME, "--data", "x" * 100_000, headers=[f"api-key: {key['secret']}"])
    assert (posted.json["method"], len(posted.json["body"])) == ("POST", 100_000)
    assert site.get(key["secret"], url=f"{HOME}forbidden").headers["x-application"] == ["yes"]


def test_nobody_else_is_let_in_and_a_revocation_holds_at_once(site: Site) -> None:
    key = site.key("worker")
    site.door.well("init", "other", "--admin", "eve@example.com")
    stranger = site.key("stranger", "--org", "other")

    assert site.get(key["secret"]).status == 200
    for presented, *headers in ((None,), ("kl_nothing",), ("",), (stranger["secret"],), ("k" * 4000,)):
        refused = site.get(presented, *headers)
        assert refused.status == 401
        assert refused.headers["www-authenticate"][0].startswith("Bearer")
        assert refused.headers["content-type"] == ["application/problem+json"]
        assert refused.headers["strict-transport-security"] == HSTS
        assert (refused.json["status"], "x-application" in refused.headers) == (401, False)
    for gate in ("/_keyledger", "/%5fkeyledger"):
        assert site.get(key["secret"], url=f"https://{PREVIEW}{gate}").status == 404

    site.door.well("key", "revoke", "worker", "--yes", "--org", "acme")
    revoked = site.get(key["secret"])

    assert (revoked.status, revoked.json["type"]) == (403, "urn:keyledger:problem:not-allowed")
    assert "x-application" not in revoked.headers


def test_what_a_client_says_of_itself_is_dropped(site: Site) -> None:
    key = site.key("worker")
    claims = ("Organization: evil", "Key-Id: evil", "Key-Name: evil", "Scopes: evil", "Service: evil")
    spoofed = [f"{prefix}{claim}" for claim in claims for prefix in ("X-Keyledger-", "x-keyledger-")]
    folded = [f"X_Keyledger_{claim.replace('-', '_')}" for claim in claims]
    more = (
        *("X-Keyledger-Caller: evil", "Keyledger-Gateway-Key: evil", "Forwarded: for=192.0.2.66"),
        *("X-Forwarded-For: 192.0.2.66", "X-Real-IP: 192.0.2.66", "X-Forwarded-Host: evil"),
    )

    told = site.get(key["secret"], *spoofed, *folded, *more).json

    assert [told.get(name) for name in IDENTITY[:3]] == ["acme", key["id"], "worker"]
    # A header whose value is empty is not passed on.
    assert "HTTP_X_KEYLEDGER_SCOPES" not in told
    assert (told["HTTP_X_FORWARDED_FOR"], told["HTTP_X_REAL_IP"]) == ("127.0.0.1", "127.0.0.1")
    assert (told["HTTP_X_FORWARDED_HOST"], "HTTP_FORWARDED" in told) == (PREVIEW, False)
    site.server.terminate()
    events = [json.loads(line) for line in site.door.well("events").out.splitlines()]
    used = [each for each in events if each["topic"].startswith("key-used") and key["id"] in str(each)]
    assert len(used) == 1
    assert "previews" in str(used)
    assert not {"evil", "192.0.2.66"} & set(str(used).replace("'", " ").split())
    assert [secret for secret in site.secrets if secret in site.front.log + str(site.server.log)] == []


def test_nothing_passes_while_keyledger_is_down_and_all_is_well_when_it_is_back(
    site: Site, stack: ExitStack
) -> None:
    key = site.key("worker")
    assert site.get(key["secret"]).status == 200
    site.server.terminate()

    began = time.monotonic()
    down = site.get(key["secret"])

    assert time.monotonic() - began < 5
    assert (down.status, down.headers["retry-after"]) == (503, ["5"])
    assert down.headers["strict-transport-security"] == HSTS
    assert "x-application" not in down.headers
    site.serve_again(stack)
    assert site.get(key["secret"]).status == 200


def test_a_gateway_whose_own_key_has_ended_lets_nobody_pass(site: Site) -> None:
    key = site.key("worker")
    site.door.well("key", "revoke", "gateway", "--yes")

    assert site.get(key["secret"]).status == 403


def test_the_api_is_served_by_tls_of_a_modern_kind_but_not_what_is_for_this_machine(site: Site) -> None:
    boss = site.key("boss", "--scope", "keys:check", "--scope", "uses:append", "--scope", "audit:read")
    key = site.key("worker")
    used = "".join(
        json.dumps({"key": key["id"], "service": f"s{each}", "occurred_at": "2026-01-01T00:00:00Z"}) + "\n"
        for each in range(5000)
    )
    packed = site.door.folder / "uses.gz"
    packed.write_bytes(gzip.compress(used.encode()))

    def ask(path: str, *options: str) -> Answered:
        asking = (f"Authorization: Bearer {boss['secret']}", "X-Forwarded-For: 192.0.2.66")
        return site.front.curl(f"https://{API}{path}", *options, headers=asking)

    caller = ask("/v1/caller")
    assert (caller.status, caller.headers["strict-transport-security"]) == (200, HSTS)
    assert ask("/v1/check", "--json", json.dumps({"secret": "kl_no", "service": "s"})).json["valid"] is False
    assert ask("/v1/check", "--data-binary", "x" * 70_000).status == 413
    ndjson = ("-H", "Content-Type: application/x-ndjson", "-H", "Content-Encoding: gzip")
    assert ask("/v1/uses", *ndjson, "--data-binary", f"@{packed}").json["read"] == 5000
    for path in ("/v1/authorize", "/v1/authorize/", "/v1/authorize/a/b", "//v1/%61uthorize/a", "/metrics"):
        assert ask(path).status == 404
        assert "nginx" in ask(path).body
    try_curl = site.front.try_curl
    old = try_curl(
        f"https://{API}/healthz", "--tls-max", "1.2", "--ciphers", "AES128-SHA:AES256-SHA:@SECLEVEL=0"
    )
    assert old.returncode != 0
    older = try_curl(f"https://{API}/healthz", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")
    assert "alert protocol version" in older.stderr
    clients = {each.get("client") for each in site.server.log if each.get("route") == "/v1/caller"}
    assert clients == {"127.0.0.1"}
