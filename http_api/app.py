"""The application: what a process of the server runs."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from http_api import (
    audits,
    authorization,
    caller_card,
    check,
    coverage,
    health,
    key_changes,
    key_creation,
    key_revocation,
    keys,
    members,
    metrics,
    rotations,
    uses,
    waivers,
)
from http_api.checks import Checks
from http_api.desk import Desk, system_clock
from http_api.document import document_of
from http_api.envelope import Envelope, new_request_id, request_id_of
from http_api.fields import in_words
from http_api.hot_paths import ANY, HotPaths, HotRoutes
from http_api.operations import BY_ID, OPERATIONS
from http_api.problems import Problem, ProblemKind, problem_of, problem_of_status
from http_api.settings import ServerSettings
from http_api.slashes import EncodedSlashes
from ledger.errors import KeyledgerError, Overloaded, Refused
from ledger.ids import RandomBytes

if TYPE_CHECKING:
    from http_api.traces import Tracing

FLUSH_INTERVAL_S = 5
RESOURCES = (
    health,
    metrics,
    check,
    authorization,
    uses,
    coverage,
    caller_card,
    keys,
    key_creation,
    key_changes,
    key_revocation,
    audits,
    waivers,
    rotations,
    members,
)
# FastAPI's own would tell paths, queries and what exceptions say, in which there may be a secret.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}

log = logging.getLogger("http_api")


def create_app(
    settings: ServerSettings,
    clock: Callable[[], int] = system_clock,
    random_bytes: RandomBytes = os.urandom,
    tracing: "Tracing | None" = None,
) -> FastAPI:
    """The application; it opens the ledger when it starts, and stores what it has counted when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        desk = Desk(settings, clock, random_bytes)
        app.state.desk = desk
        app.state.checks = Checks(desk, asyncio.get_running_loop())
        flushing = asyncio.create_task(_keep_flushing(desk))
        try:
            yield
        finally:
            flushing.cancel()
            with suppress(asyncio.CancelledError):
                await flushing
            await run_in_threadpool(app.state.checks.close)
            try:
                await run_in_threadpool(desk.close)
            except KeyledgerError:
                log.exception("what was counted last could not be stored")
            if tracing is not None:
                await run_in_threadpool(tracing.close)

    app = FastAPI(
        lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False, telemetry=NO_TELEMETRY
    )
    for resource in RESOURCES:
        app.include_router(resource.router)
    app.openapi = lambda: document_of(app, settings.key_header)  # type: ignore[method-assign]
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(KeyledgerError, _on_ledger_error)
    app.add_exception_handler(RequestValidationError, _on_wrong_parameter)
    app.add_exception_handler(HTTPException, _on_status)
    app.add_middleware(
        HotPaths,
        routes=hot_routes(),
        on_problem=_on_problem,
        on_ledger_error=_on_ledger_error,
    )
    if tracing is not None:
        app.add_middleware(tracing.around)
    app.add_middleware(EncodedSlashes)
    app.add_middleware(
        Envelope, is_secure=settings.is_secure, logs=settings.log_requests, new_id=new_request_id
    )
    return app


def hot_routes() -> HotRoutes:
    """The routes whose operations are hot."""
    routes = [route for resource in RESOURCES for route in resource.router.routes]
    hot: HotRoutes = {
        (method, route.path): (route.endpoint, route)
        for route in routes
        if isinstance(route, APIRoute) and BY_ID[str(route.operation_id)].is_hot
        for method in route.methods or ()
    }
    below = {
        (ANY, f"{operation.path}/"): hot[operation.method, operation.path]
        for operation in BY_ID.values()
        if operation.is_below
    }
    return {**hot, **below}


async def _keep_flushing(desk: Desk) -> None:
    while True:
        await asyncio.sleep(FLUSH_INTERVAL_S)
        try:
            await run_in_threadpool(desk.own_uses.flush)
        except Exception:
            log.exception("counted uses could not be stored")


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for it
    return error.answer(request_id_of(request))


async def _on_ledger_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused | Overloaded):
        log.error("the ledger failed", exc_info=error, extra={"request_id": request_id_of(request)})
    return problem_of(error).answer(request_id_of(request))


async def _on_wrong_parameter(request: Request, error: Exception) -> Response:
    """What is wrong and where, without what was given."""
    faults = error.errors() if isinstance(error, RequestValidationError) else ()
    said = "; ".join(f"{' '.join(map(str, fault['loc'][1:]))}: {in_words(fault['msg'])}" for fault in faults)
    return Problem(ProblemKind.INVALID, said).answer(request_id_of(request))


async def _on_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    headers = dict(error.headers or {})
    if "Allow" in headers and (route := request.scope.get("route")) is not None:
        # The framework has a route for each method and names the first one's alone.
        headers["Allow"] = ", ".join(sorted(each.method for each in OPERATIONS if each.path == route.path))
    return problem_of_status(error.status_code, headers).answer(request_id_of(request))
