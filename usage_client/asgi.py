"""ASGI middleware (FastAPI, Starlette, Django): check the key of each request, or report its use."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from usage_client.client import UsageClient
from usage_client.presented import DEFAULT_HEADER, VERDICT, presented_key, refusal_of
from usage_client.quiet_log import LOGGER
from usage_client.verdict import Verdict

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_ERRORS_FROM = 400
_POLICY_VIOLATION = 1008


class CheckKeys:
    """Asks the server about the key of each request, which records the use there.

    The verdict is in `scope["keyledger.verdict"]`. A request without a valid key is answered 401 (none or
    unknown), 403 (revoked, disabled, expired, rotated) or 503 (cannot be checked, nor let in by `when_down`).
    `required=False` leaves requests without a key to the service, with None as the verdict; `exempt` says
    which requests are not looked at; `caller_of` who the caller says it is.
    """

    def __init__(  # noqa: PLR0913 - each has its default
        self,
        app: App,
        client: UsageClient,
        *,
        header: str = DEFAULT_HEADER,
        bearer: bool = True,
        required: bool = True,
        exempt: Callable[[Scope], bool] = lambda _: False,
        caller_of: Callable[[Scope], str | None] = lambda _: None,
    ) -> None:
        self._app = app
        self._client = client
        self._header = header
        self._bearer = bearer
        self._required = required
        self._exempt = exempt
        self._caller_of = caller_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif self._exempt(scope):
            await self._app(scope, receive, send)
        else:
            await self._decide(scope, receive, send)

    async def _decide(self, scope: Scope, receive: Receive, send: Send) -> None:
        verdict = await self._verdict(scope)
        scope[VERDICT] = verdict
        if verdict.valid if verdict else not self._required:
            await self._app(scope, receive, send)
        else:
            await self._refuse(scope, send, verdict)

    async def _verdict(self, scope: Scope) -> Verdict | None:
        key = presented_key(lambda name: header_of(scope, name), self._header, bearer=self._bearer)
        if key is None:
            return None
        return await self._client.check_async(
            key,
            caller=self._caller_of(scope),
            source_ip=_address(scope),
            user_agent=header_of(scope, "user-agent"),
        )

    async def _refuse(self, scope: Scope, send: Send, verdict: Verdict | None) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        refusal = refusal_of(verdict, self._header, bearer=self._bearer)
        headers = [(name.encode(), value.encode()) for name, value in refusal.headers]
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": refusal.body})

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._client.start()
        try:
            await self._app(scope, receive, send)
        finally:
            await self._client.close_async_checks()


class ReportUses:
    """Reports the use of a key that the service itself has checked; what it answered tells success or error.

    `key_of` gives the key's id (never its secret) of a request that the service has dealt with, or None.
    """

    def __init__(
        self,
        app: App,
        client: UsageClient,
        *,
        key_of: Callable[[Scope], str | None],
        caller_of: Callable[[Scope], str | None] = lambda _: None,
    ) -> None:
        self._app = app
        self._client = client
        self._key_of = key_of
        self._caller_of = caller_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        reported = False

        def report(*, error: bool) -> None:
            nonlocal reported
            if not reported:
                reported = True
                self._report(scope, error=error)

        async def watch(message: Message) -> None:
            match message["type"]:
                case "http.response.start":
                    report(error=message["status"] >= _ERRORS_FROM)
                case "websocket.accept":
                    report(error=False)
                case "websocket.close":
                    report(error=True)
                case _:
                    pass
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except BaseException:
            report(error=True)
            raise

    def _report(self, scope: Scope, *, error: bool) -> None:
        try:
            key = self._key_of(scope)
            if key:
                self._client.record(
                    key=key,
                    caller=self._caller_of(scope),
                    source_ip=_address(scope),
                    user_agent=header_of(scope, "user-agent"),
                    error=error,
                )
        except Exception:  # noqa: BLE001 - the service's own functions may fail, and its answer must not
            LOGGER.exception("key_of or caller_of failed, so that a use is not reported")


def header_of(scope: Scope, name: str) -> str | None:
    """The first header of that name, in any case."""
    wanted = name.lower().encode()
    for key, value in scope["headers"]:
        if key.lower() == wanted:
            text: str = value.decode("latin-1")
            return text
    return None


def _address(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None
