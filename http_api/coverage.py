"""`POST /v1/heartbeats`: a reporter declares that it told every use that it saw in a period."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from http_api.bodies import answer, decoded
from http_api.caller import CallerAtHand
from http_api.desk import DeskAtHand
from http_api.operations import DECLARE_COVERAGE
from http_api.routes import Answer, route
from http_api.uses import reporting_actor
from ledger.importers.values import moment_in

router = APIRouter()


class Heartbeat(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}
):
    """A period of which a reporter has told all, in RFC 3339."""

    reporter: str
    start: str
    end: str


class HeartbeatDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What was declared; `stored` is false where the same was declared before."""

    schema: Literal["keyledger.heartbeat/1"] = "keyledger.heartbeat/1"
    stored: bool


_EXAMPLE = Heartbeat("gateway", "2026-05-31T12:00:00Z", "2026-05-31T12:05:00Z")


@route(
    router,
    DECLARE_COVERAGE,
    Answer(200, HeartbeatDocument, "It is on disk.", HeartbeatDocument(stored=True)),
    body=Heartbeat,
    example=_EXAMPLE,
)
def declare_coverage(
    desk: DeskAtHand, caller: CallerAtHand, said: Annotated[Heartbeat, decoded(Heartbeat)]
) -> Response:
    """A reporter that has declared once is expected to go on: of a silent one nobody knows what it saw."""
    stored = desk.ledger.report_coverage(
        caller.org,
        reporting_actor(caller),
        said.reporter,
        moment_in("from", said.start),
        moment_in("to", said.end),
    )
    return answer(HeartbeatDocument(stored=stored))
