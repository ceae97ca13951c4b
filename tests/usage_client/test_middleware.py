"""Both middlewares, each in an application of its kind, called as a server would."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

import httpx
import pytest

from tests.usage_client.conftest import Open
from tests.usage_client.server import Server
from tests.usage_client.test_check import GOOD, REVOKED, STRANGE, VALID
from usage_client import UsageClient, asgi, wsgi
from usage_client.presented import VERDICT

Call: TypeAlias = Callable[..., httpx.Response]


async def asgi_service(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401, ARG001 - by the protocol
    if scope["path"] == "/broken":
        raise RuntimeError
    scope["key"] = scope["path"].removeprefix("/")
    body = _body(scope.get(VERDICT))
    status = 404 if scope["path"] == "/missing" else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


def wsgi_service(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/broken":
        raise RuntimeError
    environ["key"] = environ["PATH_INFO"].removeprefix("/")
    start_response("404 Not Found" if environ["PATH_INFO"] == "/missing" else "200 OK", [])
    return [_body(environ.get(VERDICT))]


def _body(verdict: Any) -> bytes:  # noqa: ANN401 - a verdict or none
    return json.dumps(None if verdict is None else [verdict.key_id, list(verdict.scopes)]).encode()


class Kind:
    """ASGI or WSGI."""

    def __init__(self, name: str) -> None:
        self.is_asgi = name == "asgi"

    def checking(self, client: UsageClient, **options: Any) -> Call:  # noqa: ANN401 - as the middlewares take
        if self.is_asgi:
            return self._call(asgi.CheckKeys(asgi_service, client, **options), client)
        return self._call(wsgi.CheckKeys(wsgi_service, client, **options), client)

    def reporting(self, client: UsageClient, **options: Any) -> Call:  # noqa: ANN401 - as the middlewares take
        if self.is_asgi:
            return self._call(asgi.ReportUses(asgi_service, client, **options), client)
        return self._call(wsgi.ReportUses(wsgi_service, client, **options), client)

    def _call(self, app: Any, client: UsageClient) -> Call:  # noqa: ANN401 - of either kind
        def call(path: str = "/", **headers: str) -> httpx.Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            if not self.is_asgi:
                transport = httpx.WSGITransport(app, remote_addr="192.0.2.1")
                with httpx.Client(transport=transport, base_url="http://service") as http:
                    return http.get(path, headers=named)

            async def get() -> httpx.Response:
                transport = httpx.ASGITransport(app, client=("192.0.2.1", 4711))
                try:
                    async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
                        return await http.get(path, headers=named)
                finally:
                    await client.close_async_checks()

            return asyncio.run(get())

        return call


@pytest.fixture(params=["asgi", "wsgi"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return Kind(request.param)


@pytest.fixture(autouse=True)
def _keys(server: Server) -> None:
    server.verdicts[GOOD] = VALID
    server.verdicts[REVOKED] = VALID | {"valid": False, "reason": "revoked"}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"api_key": GOOD}, id="api-key"),
        pytest.param({"API_Key": GOOD}, id="in any case"),
        pytest.param({"authorization": f"Bearer {GOOD}"}, id="bearer"),
        pytest.param({"authorization": f"bearer  {GOOD} "}, id="bearer with blanks"),
        pytest.param({"authorization": "Basic dTpw", "api_key": GOOD}, id="beside another scheme"),
    ],
)
def test_a_valid_key_lets_a_request_in_and_tells_the_service_whose_it_is(
    client_of: Open, kind: Kind, headers: dict[str, str]
) -> None:
    answer = kind.checking(client_of())("/", **headers)

    assert answer.status_code == 200
    assert answer.json() == ["78bb390c", ["deploy"]]


@pytest.mark.parametrize(
    ("headers", "status", "slug"),
    [
        pytest.param({}, 401, "no-key", id="none"),
        pytest.param({"authorization": "Bearer "}, 401, "no-key", id="empty bearer"),
        pytest.param({"authorization": "Basic dTpw"}, 401, "no-key", id="another scheme"),
        pytest.param({"api_key": STRANGE}, 401, "unknown-key", id="unknown"),
        pytest.param({"api_key": REVOKED}, 403, "revoked-key", id="revoked"),
    ],
)
def test_a_request_without_a_valid_key_is_answered_with_a_problem_that_says_why(
    client_of: Open, kind: Kind, headers: dict[str, str], status: int, slug: str
) -> None:
    answer = kind.checking(client_of())("/", **headers)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:keyledger:problem:{slug}"
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_while_keys_cannot_be_checked_requests_are_refused_for_a_while_or_accepted_as_the_service_chose(
    client_of: Open, kind: Kind, server: Server
) -> None:
    server.down()

    closed = kind.checking(client_of())("/", api_key=GOOD)
    opened = kind.checking(client_of(when_down="accept"))("/", api_key=GOOD)

    assert closed.status_code == 503
    assert closed.headers["retry-after"] == "5"
    assert opened.status_code == 200


def test_the_header_can_have_another_name_and_bearer_be_left_to_others(client_of: Open, kind: Kind) -> None:
    call = kind.checking(client_of(), header="X-Preview-Key", bearer=False)

    assert call("/", x_preview_key=GOOD).status_code == 200
    assert call("/", api_key=GOOD).status_code == 401
    assert call("/", authorization=f"Bearer {GOOD}").status_code == 401


def test_where_no_key_is_required_the_service_decides(client_of: Open, kind: Kind) -> None:
    call = kind.checking(client_of(), required=False)

    assert call("/").json() is None
    assert call("/", api_key=GOOD).json() == ["78bb390c", ["deploy"]]
    assert call("/", api_key=REVOKED).status_code == 403


def test_exempt_requests_are_not_looked_at(client_of: Open, kind: Kind, server: Server) -> None:
    def is_health(request: Any) -> bool:  # noqa: ANN401 - a scope or an environ
        return "/healthz" in {request.get("path"), request.get("PATH_INFO")}

    call = kind.checking(client_of(), exempt=is_health)

    assert call("/healthz").status_code == 200
    assert call("/").status_code == 401
    assert server.requests == []


def test_caller_address_and_agent_are_told_to_the_server(client_of: Open, kind: Kind, server: Server) -> None:
    call = kind.checking(client_of(), caller_of=lambda _: "web-1")

    call("/", api_key=GOOD, user_agent="curl/8")

    (check,) = server.checks
    assert (check["caller"], check["source_ip"], check["user_agent"]) == ("web-1", "192.0.2.1", "curl/8")


def test_uses_are_reported_with_what_became_of_them(client_of: Open, kind: Kind, server: Server) -> None:
    client = client_of()
    call = kind.reporting(client, key_of=lambda request: request.get("key", "k0"))
    for path in ("/k1", "/missing"):
        call(path)
    with pytest.raises(RuntimeError):
        call("/broken")

    assert client.flush()

    assert [(use["key"], use.get("error", False)) for use in server.uses.values()] == [
        ("k1", False),
        ("missing", True),
        ("k0", True),
    ]
    assert {use["source_ip"] for use in server.uses.values()} == {"192.0.2.1"}


def test_a_function_of_the_service_that_fails_does_not_fail_its_answer(
    client_of: Open, kind: Kind, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> str:
        raise RuntimeError

    client = client_of()

    assert kind.reporting(client, key_of=fail)("/k1").status_code == 200

    assert client.flush()
    assert server.count == 0
    assert "is not reported" in caplog.text


def test_requests_of_no_key_are_reported_by_nobody(client_of: Open, kind: Kind, server: Server) -> None:
    client = client_of()

    kind.reporting(client, key_of=lambda _: None)("/k1")

    assert client.flush()
    assert server.requests == []


def test_a_websocket_without_a_key_is_closed_before_it_opens(client_of: Open) -> None:
    sent: list[Any] = []

    async def keep(message: Any) -> None:  # noqa: ANN401 - by the protocol
        sent.append(message)

    async def nothing() -> Any:  # noqa: ANN401 - by the protocol
        return {}

    scope = {"type": "websocket", "path": "/", "headers": []}
    asyncio.run(_run(asgi.CheckKeys(asgi_service, client_of())(scope, nothing, keep)))

    assert sent == [{"type": "websocket.close", "code": 1008}]


async def _run(call: Awaitable[None]) -> None:
    await call


def test_with_the_service_the_client_starts_and_the_connections_of_its_checks_end(client_of: Open) -> None:
    async def service(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - by the protocol
        await receive()
        await send({"type": "lifespan.startup.complete"})
        assert scope["type"] == "lifespan"

    async def live() -> list[str]:
        sent: list[str] = []

        async def keep(message: Any) -> None:  # noqa: ANN401 - by the protocol
            sent.append(message["type"])

        async def startup() -> Any:  # noqa: ANN401 - by the protocol
            return {"type": "lifespan.startup"}

        await client.check_async(GOOD)
        await asgi.CheckKeys(service, client)({"type": "lifespan"}, startup, keep)
        return sent

    client = client_of()

    assert asyncio.run(live()) == ["lifespan.startup.complete"]


@pytest.mark.parametrize(
    ("message", "error"),
    [("websocket.accept", False), ("websocket.close", True)],
    ids=["accepted", "refused"],
)
def test_a_websocket_is_one_use_and_an_error_where_it_is_refused(
    client_of: Open, server: Server, message: str, *, error: bool
) -> None:
    async def service(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401 - by the protocol
        await send({"type": message})
        await send({"type": "websocket.close"})

    async def nothing(_message: Any = None) -> Any:  # noqa: ANN401 - by the protocol
        return {}

    client = client_of()
    reporting = asgi.ReportUses(service, client, key_of=lambda _: "k1")

    asyncio.run(_run(reporting({"type": "websocket", "headers": []}, nothing, nothing)))
    asyncio.run(_run(reporting({"type": "lifespan"}, nothing, nothing)))

    assert client.flush()
    assert [use.get("error", False) for use in server.uses.values()] == [error]
