"""The way past the framework for what services wait on: to find a route there takes longer than a check."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from http_api.problems import Problem
from ledger.errors import KeyledgerError

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
OnError: TypeAlias = Callable[[Request, Exception], Awaitable[Response]]

# The method and the exact path. With the method ANY and a path that ends in a slash: whatever begins so.
HotRoute: TypeAlias = tuple[Endpoint, BaseRoute]
HotRoutes: TypeAlias = Mapping[tuple[str, str], HotRoute]
ANY = "*"


class HotPaths:
    """An ASGI application that answers on some routes itself, and leaves the rest to another.

    They are routes of the application like any other, so that OpenAPI tells of them and a wrong method is
    answered there.
    """

    def __init__(
        self, app: ASGIApp, *, routes: HotRoutes, on_problem: OnError, on_ledger_error: OnError
    ) -> None:
        self._app = app
        self._routes = routes
        self._below = {path: hot for (method, path), hot in routes.items() if method == ANY}
        self._on_problem = on_problem
        self._on_ledger_error = on_ledger_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        hot = self._hot(scope) if scope["type"] == "http" else None
        if hot is None:
            await self._app(scope, receive, send)
            return
        endpoint, scope["route"] = hot
        # The ledger holds what came of it; the log would only say so again.
        scope["state"]["is_recorded"] = True
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except Problem as problem:
            response = await self._on_problem(request, problem)
        except KeyledgerError as error:
            response = await self._on_ledger_error(request, error)
        await response(scope, receive, send)

    def _hot(self, scope: Scope) -> HotRoute | None:
        path = scope["path"]
        found = self._routes.get((scope["method"], path))
        if found is not None:
            return found
        return next((hot for start, hot in self._below.items() if path.startswith(start)), None)
