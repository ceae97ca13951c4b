"""Whether the process answers, and whether its ledger can be reached."""

from typing import Literal

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from http_api.bodies import answer
from http_api.desk import DeskAtHand
from http_api.operations import HEALTH, READINESS
from http_api.routes import Answer, route
from ledger.schema import check_schema

router = APIRouter()


class Health(msgspec.Struct, frozen=True):
    """How the server is."""

    status: Literal["ok"] = "ok"


@route(router, HEALTH, Answer(200, Health, "It answers.", Health()))
async def healthz() -> Response:
    """For whoever restarts processes: it asks nothing of the ledger."""
    return answer(Health())


@route(router, READINESS, Answer(200, Health, "The ledger can be used.", Health()))
def readyz(desk: DeskAtHand) -> Response:
    """For whoever sends requests here: 503 while the ledger cannot be reached, or is damaged."""
    check_schema(desk.database)
    desk.ledger.recorder.max_notification_id()
    return answer(Health())
