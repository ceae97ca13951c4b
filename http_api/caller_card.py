"""Who the presented key makes its caller."""

from typing import Literal

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from http_api.bodies import answer
from http_api.caller import CallerAtHand
from http_api.operations import SHOW_CALLER
from http_api.routes import Answer, route
from ledger.ids import format_id

router = APIRouter()


class CallerCard(msgspec.Struct, frozen=True):
    """The organization and the key that authenticated, and the member who was claimed."""

    organization: str
    key_id: str | None
    key_name: str | None
    scopes: tuple[str, ...]
    on_behalf_of: str | None
    schema: Literal["keyledger.caller/1"] = "keyledger.caller/1"


_EXAMPLE = CallerCard(
    "acme", "590670b2-3f14-4c0a-9d7e-0c2b8a1f6e55", "deploy-bot", ("keys:manage",), "ada@example.com"
)


@route(router, SHOW_CALLER, Answer(200, CallerCard, "Who you are.", _EXAMPLE))
def show_caller(caller: CallerAtHand) -> Response:
    """For trying a key: which organization it is of, and what it may do."""
    return answer(
        CallerCard(
            organization=caller.org.name,
            key_id=format_id(caller.key_id) if caller.key_id else None,
            key_name=caller.key_name,
            scopes=caller.scopes,
            on_behalf_of=caller.member.email if caller.member else None,
        )
    )
