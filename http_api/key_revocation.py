"""The end of many keys: those that are named, or that an expression means."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from msgspec import Meta
from starlette.responses import Response

from http_api.bodies import Saying, answer, decoded
from http_api.caller import Caller, CallerAtHand
from http_api.desk import Desk, DeskAtHand
from http_api.fields import Reason, Reference
from http_api.keys import MAX_EXPRESSION
from http_api.operations import REVOKE_KEYS
from http_api.problems import Problem, ProblemKind
from http_api.routes import Answer, route
from ledger.api_key import validate_reason
from ledger.errors import Refused
from ledger.ids import format_id
from projections.documents.revocation import RefusedKey, RevocationDocument
from projections.key_record import KeyRecord
from projections.listed_key import listed_key
from projections.selection import parse_selection, revocable

MAX_KEYS = 1000

router = APIRouter()


class Revocation(Saying, frozen=True, forbid_unknown_fields=True):
    """Which keys to end: `keys` names them, or `where` says which they are."""

    keys: Annotated[list[Reference], Meta(min_length=1, max_length=MAX_KEYS)] | None = None
    where: (
        Annotated[
            str,
            Meta(
                min_length=1, max_length=MAX_EXPRESSION, description="Such as `service=pay* and owner=bob`."
            ),
        ]
        | None
    ) = None
    reason: Reason | None = None
    dry_run: Annotated[bool, Meta(description="Only say which it would be.")] = False


@route(
    router,
    REVOKE_KEYS,
    Answer(200, RevocationDocument, "What became of each key."),
    body=Revocation,
    example=Revocation(where="service=pay* and owner=bob@example.com", reason="left", dry_run=True),
    problems=(ProblemKind.NOT_FOUND, ProblemKind.AMBIGUOUS, ProblemKind.WRONG_STATE),
)
def revoke_keys(
    desk: DeskAtHand, caller: CallerAtHand, wanted: Annotated[Revocation, decoded(Revocation)]
) -> Response:
    """All keys are looked up before the first is revoked; one that cannot be keeps no other from it."""
    if (wanted.keys is None) is (wanted.where is None):
        raise Problem(ProblemKind.INVALID, "say which keys with either `keys` or `where`")
    validate_reason(wanted.reason)
    now = desk.clock()
    here, elsewhere = _meant(desk, caller, wanted, now)
    refused = [] if wanted.dry_run else _revoke(desk, caller, here, wanted.reason)
    left = {each.id for each in refused}
    return answer(
        RevocationDocument(
            organization=caller.org.name,
            dry_run=wanted.dry_run,
            keys=[listed_key(each, now) for each in here if format_id(each.id) not in left],
            elsewhere=[listed_key(each, now) for each in elsewhere],
            refused=refused,
        )
    )


def _meant(
    desk: Desk, caller: Caller, wanted: Revocation, now: int
) -> tuple[list[KeyRecord], list[KeyRecord]]:
    selection = None if wanted.where is None else parse_selection(wanted.where)
    named = {desk.ledger.find_key(caller.org, each).key_id for each in wanted.keys or ()}
    with desk.view(caller.org) as view:
        if selection is not None:
            return revocable(view.records(), selection, now)
        meant = [record for record in view.records_of(named) if record.id in named]
    return [each for each in meant if each.is_minted_here], [
        each for each in meant if not each.is_minted_here
    ]


def _revoke(desk: Desk, caller: Caller, records: Sequence[KeyRecord], reason: str | None) -> list[RefusedKey]:
    refused = []
    for record in records:
        try:
            credential = desk.ledger.find_key(caller.org, format_id(record.id))
            desk.ledger.revoke_key(caller.org, caller.actor, credential, reason)
        except Refused as error:
            refused.append(RefusedKey(format_id(record.id), record.name, str(error)))
    return refused
