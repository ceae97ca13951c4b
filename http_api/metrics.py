"""`GET /metrics`: figures of the server, as Prometheus reads them."""

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from http_api.caller import source_address
from http_api.desk import desk_of
from http_api.figures import WAITING, collected
from http_api.operations import METRICS
from http_api.problems import Problem, ProblemKind
from http_api.routes import Answer, route
from ledger.hosts import is_this_machine

router = APIRouter()


@route(router, METRICS, Answer(200, None, "Figures as text."), problems=(ProblemKind.NOT_ALLOWED,))
def metrics(request: Request) -> Response:
    """For Prometheus on this machine; for others where the server is told so."""
    if not (desk_of(request).settings.open_metrics or is_this_machine(source_address(request) or "")):
        raise Problem(
            ProblemKind.NOT_ALLOWED, "figures are for this machine; --open-metrics lets others read them too"
        )
    WAITING.set(len(request.app.state.checks))
    return Response(generate_latest(collected()), media_type=CONTENT_TYPE_LATEST)
