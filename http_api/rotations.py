"""Rotations under way: who still uses the old keys, and their end."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from msgspec import Meta
from starlette.responses import Response

from http_api.bodies import answer, decoded
from http_api.caller import Caller, CallerAtHand
from http_api.desk import Desk, DeskAtHand
from http_api.fields import DURATION, KeyInPath
from http_api.operations import FINISH_ROTATION, LIST_ROTATIONS
from http_api.problems import Problem, ProblemKind
from http_api.routes import Answer, route
from ledger.ids import format_id
from ledger.moments import parse_duration
from projections.documents.rotations import RotationsDocument, rotations_document
from projections.documents.standing import StandingDocument, standing_document
from projections.rotations import Rotation, reasons_to_wait, rotation_of, rotations_in

REASON = "rotation finished"

router = APIRouter()


class Finish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the end of an old key is judged; `force` ends it even where somebody would notice."""

    quiet_for: Annotated[str, Meta(pattern=DURATION, description="So long it must be silent.")] = "24h"
    force: bool = False


@route(router, LIST_ROTATIONS, Answer(200, RotationsDocument, "The open rotations."))
def list_rotations(
    desk: DeskAtHand,
    caller: CallerAtHand,
    quiet_for: Annotated[
        str, Query(pattern=DURATION, description="So long an old key must be silent.")
    ] = "24h",
) -> Response:
    """Which old keys are not revoked yet, who still uses them, and whether they can end."""
    position, rotations = _open(desk, caller)
    judged = [(each, _reasons(desk, each, quiet_for)) for each in rotations]
    return answer(rotations_document(caller.org.name, position, judged))


@route(
    router,
    FINISH_ROTATION,
    Answer(200, StandingDocument, "The old key is revoked."),
    body=Finish,
    example=Finish("48h"),
    problems=(ProblemKind.NOT_FOUND, ProblemKind.AMBIGUOUS, ProblemKind.WRONG_STATE, ProblemKind.CONFLICT),
)
def finish_rotation(
    desk: DeskAtHand, caller: CallerAtHand, key: KeyInPath, terms: Annotated[Finish, decoded(Finish)]
) -> Response:
    """Revoke the old key of a rotation where nobody would notice; the key may be the old or the new one."""
    key_id = desk.ledger.find_key(caller.org, key).key_id
    rotation = rotation_of(_open(desk, caller)[1], key_id)
    reasons = _reasons(desk, rotation, terms.quiet_for)
    if reasons and not terms.force:
        raise Problem(ProblemKind.WRONG_STATE, f"the old key was not revoked: {'; '.join(reasons)}")
    old_id = format_id(rotation.old.id)
    old = desk.ledger.find_key(caller.org, old_id)
    desk.ledger.revoke_key(caller.org, caller.actor, old, REASON)
    return answer(standing_document(caller.org.name, desk.ledger.find_key(caller.org, old_id)))


def _open(desk: Desk, caller: Caller) -> tuple[int, list[Rotation]]:
    with desk.view(caller.org) as view:
        return view.position, rotations_in(view, desk.clock())


def _reasons(desk: Desk, rotation: Rotation, quiet_for: str) -> list[str]:
    return reasons_to_wait(rotation, parse_duration(quiet_for), desk.policy)
