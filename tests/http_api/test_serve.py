"""`keyledger serve` in a process of its own: what it refuses to serve, TLS, its end, several processes."""

import re
import ssl
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.door import Door
from tests.http_api.certificate import certified
from tests.http_api.process import Serving, exchange, serving

LOCAL = pytest.mark.sqlite_only("it is about connections, whichever database is behind")


def processes(server: Serving) -> set[int]:
    """Those that serve, as far as they have said that they do."""
    told = (re.fullmatch(r"Started server process \[(\d+)\]", each["message"]) for each in server.log)
    return {int(each[1]) for each in told if each}


@LOCAL
def test_other_machines_are_not_served_in_the_clear(keyledger: Door) -> None:
    for options in (["--host", "0.0.0.0"], ["--host", "::"], ["--host", "example.com"]):  # noqa: S104
        answer = keyledger.process("serve", *options)
        assert answer.status == 1
        assert "keys must not travel in the clear" in answer.err


@LOCAL
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tls-cert", "cert.pem"], "go together"),
        (["--tls-cert", "none.pem", "--tls-key", "none.pem"], "is no file"),
        (["--tls-cert", "text.pem", "--tls-key", "text.pem"], "no certificate and its key"),
        (["--ledger", "elsewhere.db"], "there is no ledger at"),
        (["--policy-is", "x"], "No such option"),
        (["--org", "acme"], "leave --org and --as away"),
        (["--as", "ada@example.com"], "leave --org and --as away"),
        (["--key-header", ""], "cannot be the header for keys"),
        (["--key-header", "x y"], "cannot be the header for keys"),
        (["--key-header", "Authorization"], "cannot be the header for keys"),
        (["--key-header", "X-Request-Id"], "cannot be the header for keys"),
        (["--host", "192.0.2.1", "--behind-tls-proxy"], "cannot be served"),
        (["--proxy", "192.0.2.1"], "--proxy goes with --behind-tls-proxy"),
        (["--behind-tls-proxy", "--proxy", "*"], "is no address of a proxy"),
        (["--behind-tls-proxy", "--proxy", "10.1.2.3/24"], "is no address of a proxy"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_served_is_said_in_a_line(keyledger: Door, options: list[str], said: str) -> None:
    (keyledger.folder / "text.pem").write_text("no key\n")

    answer = keyledger.process("serve", *options)

    assert answer.status in {1, 2}
    assert said in answer.err
    assert "Traceback" not in answer.err


@LOCAL
def test_a_server_in_the_settings_is_not_served_and_no_other_ledger_in_its_place(keyledger: Door) -> None:
    (keyledger.folder / "keyledger.toml").write_text('server = "https://keys.example.com"\n')
    keyledger.environment = {"XDG_DATA_HOME": str(keyledger.folder)}

    answer = keyledger.process("serve")

    assert (answer.status, answer.out) == (2, "")
    assert "`server` in keyledger.toml names a server" in answer.err
    with serving(keyledger, "--ledger", keyledger.address):
        pass


@LOCAL
def test_settings_of_the_folder_that_are_for_people_mean_nothing_to_a_server(keyledger: Door) -> None:
    key = keyledger.create("reader")["secret"]
    (keyledger.folder / "keyledger.toml").write_text(
        f'url = "{keyledger.address}"\norg = "another"\nactor = "nobody@example.com"\n'
    )
    keyledger.environment = {"KEYLEDGER_API_KEY": "kl_of_somebody", "KEYLEDGER_ORG": "another"}

    with serving(keyledger, workers=2) as server:
        answer = httpx.get(f"{server.url}/v1/caller", headers={"api-key": key})
        end = time.monotonic() + 30
        while len(started := processes(server)) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        kept = [Path(f"/proc/{number}/environ").read_bytes() for number in started]
        assert server.terminate() == 0

    assert answer.json()["organization"] == "acme"
    assert len(kept) == 2
    assert not any(b"KEYLEDGER_API_KEY" in each for each in kept)


@LOCAL
def test_a_key_that_asks_too_often_is_told_when_to_come_again(keyledger: Door) -> None:
    key = keyledger.create("reader", "--scope", "audit:read")["secret"]
    headers = {"Authorization": f"Bearer {key}"}
    with serving(keyledger, "--rate", "12") as server, httpx.Client(base_url=server.url) as client:
        first = client.get("/v1/caller", headers=headers)
        audited = client.get("/v1/audit", headers=headers)
        again = client.get("/v1/audit", headers=headers)
        last = client.get("/v1/caller", headers=headers)

    assert first.headers["ratelimit-policy"] == '"key";q=12;w=60'
    assert first.headers["ratelimit"].startswith('"key";r=11;t=')
    assert [each.status_code for each in (first, audited, again, last)] == [200, 200, 429, 200]
    assert 0 < int(again.headers["retry-after"]) <= 60
    assert again.json()["type"] == "urn:keyledger:problem:too-many-requests"


def test_what_is_under_way_is_answered_before_the_end_and_the_log_holds_no_secret(keyledger: Door) -> None:
    key = keyledger.create("boss", "--scope", "keys:manage")["secret"]
    with serving(keyledger) as server:
        body = b'{"name": "late"}'
        head = (
            f"POST /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nX-Request-Id: late-1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        with closing(server.connect()) as connection:
            connection.sendall(head.encode())
            connection.sendall(body[:5])
            time.sleep(0.3)
            server.process.terminate()
            time.sleep(0.3)
            connection.sendall(body[5:])
            answer = exchange(connection)
        status = server.terminate()
        log = server.log

    assert b" 201 " in answer.splitlines()[0]
    assert status == 0
    assert "late" in keyledger.well("key", "list").out
    (line,) = (each for each in log if each.get("request_id") == "late-1")
    assert (line["status"], line["route"], line["organization"]) == (201, "/v1/keys", "acme")
    secret = re.compile(r"kl_[0-9A-Za-z]{43}_")
    assert not secret.search(str(log))


def test_several_processes_serve_one_ledger_and_a_revocation_holds_on_all(keyledger: Door) -> None:
    boss = keyledger.create("boss", "--scope", "keys:manage")["secret"]
    other = keyledger.create("other")["secret"]
    with serving(keyledger, workers=2) as server:

        def ask(secret: str) -> int:
            return httpx.get(f"{server.url}/v1/caller", headers={"api-key": secret}).status_code

        assert {ask(other) for _ in range(10)} == {200}
        revoked = httpx.post(
            f"{server.url}/v1/keys/other/revoke", headers={"api-key": boss}, json={"reason": "leaked"}
        )
        assert revoked.status_code == 200
        assert {ask(other) for _ in range(20)} == {401}
        status = server.terminate()

    assert status == 0
    assert len(processes(server)) == 2


@LOCAL
def test_keys_travel_by_tls_of_a_modern_kind(keyledger: Door, tmp_path: Path) -> None:
    key = keyledger.create("reader", "--scope", "audit:read")["secret"]
    made = certified(tmp_path, "localhost", "127.0.0.1")

    with serving(keyledger, *made.options, "--host", "127.0.0.1", context=made.context) as server:
        answer = httpx.get(f"{server.url}/v1/caller", headers={"api-key": key}, verify=made.context)
        old = ssl.create_default_context(cafile=made.authority)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
        old.set_ciphers("AES128-SHA:AES256-SHA:@SECLEVEL=0")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/healthz", verify=old)
        with closing(server.connect()) as connection:
            assert isinstance(connection, ssl.SSLSocket)
            version = connection.version()

    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    assert version in {"TLSv1.2", "TLSv1.3"}


@LOCAL
def test_a_proxy_that_ends_tls_is_believed_and_nobody_else(keyledger: Door) -> None:
    key = keyledger.create("reader", "--scope", "audit:read")["secret"]
    headers = {"api-key": key, "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    behind = ("--behind-tls-proxy",)
    for options, source in (
        (behind, "192.0.2.7"),
        ((*behind, "--proxy", "127.0.0.0/28"), "192.0.2.7"),
        ((*behind, "--proxy", "172.30.84.0/28"), "127.0.0.1"),
        ((), "127.0.0.1"),
    ):
        with serving(keyledger, *options) as server:
            answer = httpx.get(f"{server.url}/v1/caller", headers=headers)
            assert ("strict-transport-security" in answer.headers) is bool(options)
            server.terminate()
            (line,) = (each for each in server.log if each.get("route") == "/v1/caller")
            assert line["client"] == source
