"""What happens on a connection before there is a request, behind one and after its answer."""

import re
import socket
import time
from contextlib import closing

import msgspec
import pytest

from http_api.settings import Limits, ServerSettings
from tests.http_api.process import exchange
from tests.http_api.served import Served, served
from tests.office import Office

pytestmark = pytest.mark.sqlite_only("it is about what is sent, whichever database is behind")

LARGE = b"X-Filler: " + b"x" * 20_000 + b"\r\n"
LIMITS = Limits(head_s=1, request_s=1, connections=2)


def connected(api: Served) -> closing[socket.socket]:
    return closing(socket.create_connection(("127.0.0.1", api.port), timeout=30))


def asked(api: Served, *parts: bytes) -> bytes:
    with connected(api) as connection:
        return exchange(connection, *parts)


def statuses(received: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def posting(api: Served, path: str, *fields: str) -> bytes:
    """The head of a request to make something, whose body comes in chunks."""
    key = api.key("keys:manage").secret.reveal()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: application/json\r\n"
    )
    return "".join([head, *(f"{field}\r\n" for field in fields), "\r\n"]).encode()


@pytest.mark.parametrize("name", ["slow head", "slow body", "large head", "no http", "too many"])
def test_what_the_connection_itself_answers_is_like_every_answer(office: Office, name: str) -> None:
    named = b"GET /healthz HTTP/1.1\r\nX-Request-Id: mine-1\r\nHost: x\r\n"
    settings = ServerSettings(office.address, behind_tls_proxy=True, limits=LIMITS)
    with served(office, settings) as api:
        sent, status, given = {
            "slow head": (named, 408, b"mine-1"),
            "slow body": (posting(api, "/v1/keys", "X-Request-Id: mine-2"), 408, b"mine-2"),
            "large head": (named + LARGE + b"\r\n", 431, b"mine-1"),
            "no http": (b"\x16\x03\x01 hello\r\n\r\n", 400, None),
            "too many": (named + b"\r\n", 503, b"mine-1"),
        }[name]
        others = 2 if name == "too many" else 0
        held = [socket.create_connection(("127.0.0.1", api.port)) for _ in range(others)]
        time.sleep(0.2 if held else 0)
        answer = asked(api, sent)
        for each in held:
            each.close()

    head, _, body = answer.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    document = msgspec.json.decode(body)
    assert statuses(answer) == [status]
    assert fields[b"strict-transport-security"] == b"max-age=31536000; includesubdomains"
    assert (fields[b"cache-control"], fields[b"x-content-type-options"]) == (b"no-store", b"nosniff")
    assert (fields[b"connection"], fields[b"content-type"]) == (b"close", b"application/problem+json")
    assert document["status"] == status
    assert fields[b"x-request-id"] == document["request_id"].encode()
    assert given in (None, fields[b"x-request-id"])
    assert (b"retry-after" in fields) is (status == 503)


def test_a_field_that_comes_behind_a_body_is_none(api: Served) -> None:
    body = b"b\r\n" + b'{"name":""}' + b"\r\n"
    key = api.key("keys:manage").secret.reveal()
    head = b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer = asked(api, head + body + f"0\r\nAuthorization: Bearer {key}\r\n\r\n".encode())

    assert statuses(answer) == [401]


@pytest.mark.parametrize(
    "behind",
    [b"0\r\n" + b"A: b\r\n" * 4000, b"0\r\nA: " + b"x" * 20_000, b"1;" + b"x" * 20_000],
    ids=["many", "long", "extension"],
)
def test_what_stands_around_a_body_is_bounded(api: Served, behind: bytes) -> None:
    with connected(api) as connection:
        connection.sendall(posting(api, "/v1/keys"))
        time.sleep(0.2)
        answer = exchange(connection, behind)

    assert statuses(answer) == [431]


def test_nothing_is_done_that_was_asked_behind_what_was_refused(api: Served) -> None:
    made = posting(api, "/v1/keys", "Connection: close") + b'd\r\n{"name":"ci"}\r\n0\r\n\r\n'

    answer = asked(api, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + LARGE + b"\r\n" + made)

    assert statuses(answer) == [431]
    assert [record.name for record in api.office.records().values()] == ["caller"]


def test_no_refusal_passes_for_the_answer_to_an_earlier_request(api: Served) -> None:
    answer = asked(
        api, b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n" + LARGE + b"\r\n"
    )

    assert statuses(answer) == [200]
    assert b"connection: close" in answer


def test_whoever_does_not_read_what_he_asked_for_is_cut_off(office: Office) -> None:
    settings = ServerSettings(office.address, limits=Limits(connections=1, unread_s=0.3))
    with served(office, settings) as api, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", api.port))
        deaf.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        time.sleep(0.2)

        def ask() -> list[int]:
            return statuses(asked(api, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))

        refused = ask()
        end = time.monotonic() + 10
        while (answered := ask()) != [200] and time.monotonic() < end:
            time.sleep(0.05)

    assert refused == [503]
    assert answered == [200]
