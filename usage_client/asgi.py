"""ASGI middleware (FastAPI, Starlette, Django): check the key of each request, or report its use."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from usage_client.middleware import ERRORS_FROM, Gate, Reads, Witness
from usage_client.presented import VERDICT
from usage_client.verdict import Verdict

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_POLICY_VIOLATION = 1008


def header_of(scope: Scope, name: str) -> str | None:
    """The first header of that name, in any case."""
    wanted = name.lower().encode()
    for key, value in scope["headers"]:
        if key.lower() == wanted:
            text: str = value.decode("latin-1")
            return text
    return None


def _address_of(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


_READS = Reads(header_of, _address_of)


class CheckKeys(Gate[App, Scope]):
    """Asks the server about the key of each request, which records the use there.

    The verdict is in `scope["keyledger.verdict"]`. A request without a valid key is answered 401 (none or
    unknown), 403 (revoked, disabled, expired, rotated) or 503 (cannot be checked, nor let in by `when_down`).
    `required=False` leaves requests without a key to the service, with None as the verdict; `exempt` says
    which requests are not looked at; `caller_of` who the caller says it is.
    """

    _reads = _READS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif self._exempt(scope):
            await self._app(scope, receive, send)
        else:
            await self._decide(scope, receive, send)

    async def _decide(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._key(scope)
        verdict = None if key is None else await self._client.check_async(key, **self._circumstances(scope))
        scope[VERDICT] = verdict
        if self._passes(verdict):
            await self._app(scope, receive, send)
        else:
            await self._refuse(scope, send, verdict)

    async def _refuse(self, scope: Scope, send: Send, verdict: Verdict | None) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        refusal = self._refusal(verdict)
        headers = [(name.encode(), value.encode()) for name, value in refusal.headers]
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": refusal.body})

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._client.start()
        try:
            await self._app(scope, receive, send)
        finally:
            await self._client.close_async_checks()


class ReportUses(Witness[App, Scope]):
    """Reports the use of a key that the service itself has checked; what it answered tells success or error.

    `key_of` gives the key's id (never its secret) of a request that the service has dealt with, or None.
    """

    _reads = _READS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        report = self._report_of(scope)

        async def watch(message: Message) -> None:
            match message["type"]:
                case "http.response.start":
                    report(error=message["status"] >= ERRORS_FROM)
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
