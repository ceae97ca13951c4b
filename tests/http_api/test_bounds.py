"""What clients send is bounded in size and time, and what cannot be read is their fault and told as such."""

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from http_api.settings import Limits, ServerSettings
from tests.http_api.process import exchange
from tests.http_api.served import Served, served
from tests.office import Office

LOCAL = pytest.mark.sqlite_only("it is about what is sent, whichever database is behind")
LIMITS = Limits(head_s=1, request_s=2)


@LOCAL
def test_who_is_slow_or_says_too_much_is_told_so_and_cut_off(office: Office) -> None:
    with served(office, ServerSettings(office.address, limits=LIMITS)) as api:
        key = api.key("keys:manage").secret.reveal()
        json = (
            f"POST /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            "Connection: close\r\nContent-Type: application/json\r\n"
        ).encode()
        chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
        sent: dict[str, list[bytes]] = {
            "head too slow": [b"GET / HTTP/1.1\r\nHost:"],
            "nothing said": [],
            "body too slow": [json + b"Content-Length: 20\r\n\r\n{"],
            "head too large": [b"GET / HTTP/1.1\r\nX-Filler: " + b"x" * 20_000],
            "many headers": [b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 9_000 + b"\r\n"],
            "body too large": [json + b"Content-Length: 999999999999\r\n\r\n"],
            "chunks too many": [json + b"Transfer-Encoding: chunked\r\n\r\n", *([chunk] * 20)],
            "no http": [b"\x16\x03\x01 hello\r\n\r\n"],
        }

        def answer_to(parts: list[bytes]) -> bytes:
            with closing(socket.create_connection(("127.0.0.1", api.port), timeout=30)) as connection:
                return exchange(connection, *parts)

        began = time.monotonic()
        with ThreadPoolExecutor(len(sent)) as clients:
            answers = dict(zip(sent, clients.map(answer_to, sent.values()), strict=True))
        took = time.monotonic() - began
        assert api("GET", "/healthz").status_code == 200

    assert {name: int(answer.split()[1]) if answer else None for name, answer in answers.items()} == {
        "head too slow": 408,
        "nothing said": None,
        "body too slow": 408,
        "head too large": 431,
        "many headers": 431,
        "body too large": 413,
        "chunks too many": 413,
        "no http": 400,
    }
    assert took < 15
    assert b"urn:keyledger:problem:timed-out" in answers["body too slow"]
    assert len(office.records()) == 1


@LOCAL
def test_no_bytes_at_all_make_the_server_fail(api: Served) -> None:
    boss = api.key("keys:manage")
    pieces = st.sampled_from(
        [b'{"name":', b'"ci"', b"}", b"[", b"null", b'"scopes":', b",", b"1e999", b"\\ud800"]
    )
    bodies = st.binary(max_size=200) | st.lists(pieces | st.binary(max_size=3), max_size=12).map(b"".join)

    @settings(max_examples=150, database=None)
    @given(body=bodies)
    def send(body: bytes) -> None:
        assert api("POST", "/v1/keys", boss, body=body).status_code in {201, 400, 422, 429}

    send()


@LOCAL
def test_of_too_many_connections_the_last_are_told_to_come_again(office: Office) -> None:
    asked = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with (
        served(office, ServerSettings(office.address, limits=Limits(connections=2))) as api,
        ExitStack() as open_,
    ):
        connections = [
            open_.enter_context(closing(socket.create_connection(("127.0.0.1", api.port), timeout=30)))
            for _ in range(3)
        ]
        time.sleep(0.2)
        refused = exchange(connections[2], asked)
        connections[0].sendall(asked)
        answered = connections[0].recv(65536)

    assert refused.startswith(b"HTTP/1.1 503")
    assert b"urn:keyledger:problem:overloaded" in refused
    assert b"retry-after: " in refused.lower()
    assert answered.startswith(b"HTTP/1.1 200")


@LOCAL
def test_a_connection_may_be_used_again_and_is_not_kept_for_ever(office: Office) -> None:
    limits = Limits(head_s=1, request_s=2, keep_alive_s=1)
    asked = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with (
        served(office, ServerSettings(office.address, limits=limits)) as api,
        closing(socket.create_connection(("127.0.0.1", api.port), timeout=30)) as connection,
    ):
        for _ in range(3):
            connection.sendall(asked)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        rest = exchange(connection)

    assert rest == b""


@LOCAL
@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"{", 400),
        ({}, b"", 400),
        ({}, b'{"name": "\xff"}', 400),
        ({}, "{}".encode("utf-16"), 400),
        ({}, b"[" * 60_000, 422),
        ({}, b"[]", 422),
        ({}, b'{"name": "x"}{}', 400),
        ({"Content-Type": "text/plain"}, b"{}", 415),
        ({"Content-Type": "application/json; charset=latin-1"}, b"{}", 415),
        ({"Content-Encoding": "gzip"}, b"{}", 415),
        ({}, b'{"name": "' + b"x" * 70_000 + b'"}', 413),
    ],
    ids=["cut", "empty", "not-utf8", "utf16", "deep", "array", "twice", "text", "charset", "gzip", "large"],
)
def test_a_body_that_cannot_be_read_is_the_clients_fault(
    api: Served, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = api("POST", "/v1/keys", api.key("keys:manage"), headers=headers, body=body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@LOCAL
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/keys", {"name": "x", "expires_in": "soon"}),
        ("POST", "/v1/keys", {"name": "x", "expires_at": "soon"}),
        ("POST", "/v1/keys", {"name": "x", "scopes": ["Keys Check"]}),
        ("POST", "/v1/keys/caller/rotate", {"expires_in": "soon"}),
        ("GET", "/v1/findings?as_of=soon", None),
        ("GET", "/v1/rotations?quiet_for=soon", None),
    ],
)
def test_a_value_of_the_wrong_form_is_answered_by_the_right_one(
    api: Served, method: str, path: str, body: object
) -> None:
    asked = {} if body is None else {"body": body}
    answer = api(method, path, api.key("keys:manage", "audit:read"), **asked)

    assert answer.status_code == 422
    assert re.search("[Ee]xpected an? (duration|time|scope) such as ", answer.json()["detail"])
