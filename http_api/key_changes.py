"""Changing keys: name, owner, expiry, scopes, and whether they are accepted."""

from typing import Annotated

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from http_api.bodies import Saying, answer, decoded
from http_api.caller import Caller, CallerAtHand
from http_api.desk import Desk, DeskAtHand
from http_api.fields import Duration, KeyInPath, Moment, Name, Owner, Reason, Scopes, expiry
from http_api.operations import CHANGE_KEY, DISABLE_KEY, ENABLE_KEY, RENAME_KEY, REVOKE_KEY
from http_api.problems import Problem, ProblemKind
from http_api.routes import Answer, route
from ledger.credentials import Credential
from ledger.events import KeyState
from ledger.ids import format_id
from ledger.key_terms import KeyChanges
from projections.documents.standing import StandingDocument, standing_document

router = APIRouter()


class NewName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key's new name."""

    name: Name


class Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is done, for the record."""

    reason: Reason | None = None


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class Changes(Saying, frozen=True, forbid_unknown_fields=True):
    """What to change of a key: what is left out stays, null takes away."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    owner: Owner | msgspec.UnsetType | None = msgspec.UNSET
    expires_at: Moment | msgspec.UnsetType | None = msgspec.UNSET
    expires_in: Duration | msgspec.UnsetType = msgspec.UNSET
    scopes: Scopes | msgspec.UnsetType = msgspec.UNSET


_STANDING = StandingDocument(
    organization="acme",
    id="590670b2-3f14-4c0a-9d7e-0c2b8a1f6e55",
    name="ci-github-actions",
    state=KeyState.ACTIVE,
    scopes=("deploy",),
    expires_at=None,
    successor_id=None,
    overlap_ends_at=None,
)
_STANDS = Answer(200, StandingDocument, "How the key stands now; it is on disk.", _STANDING)
_PROBLEMS = (ProblemKind.NOT_FOUND, ProblemKind.AMBIGUOUS, ProblemKind.WRONG_STATE, ProblemKind.CONFLICT)


@route(
    router,
    CHANGE_KEY,
    _STANDS,
    body=Changes,
    example=Changes(owner="platform-team", scopes=["deploy"]),
    problems=_PROBLEMS,
)
def change_key(
    desk: DeskAtHand, caller: CallerAtHand, key: KeyInPath, changes: Annotated[Changes, decoded(Changes)]
) -> Response:
    """Set a key's name, owner, expiry or scopes; all of it or nothing."""
    if changes == Changes():
        raise Problem(
            ProblemKind.INVALID, "say what to change: name, owner, expires_at, expires_in or scopes"
        )
    credential = desk.ledger.find_key(caller.org, key)
    wanted = KeyChanges(
        name=changes.name,
        owner=changes.owner,
        expires_at=_expiry(changes, desk.clock()),
        scopes=changes.scopes if isinstance(changes.scopes, msgspec.UnsetType) else tuple(changes.scopes),
    )
    desk.ledger.change_key(caller.org, caller.actor, credential, wanted)
    return _stands(desk, caller, credential)


@route(router, RENAME_KEY, _STANDS, body=NewName, example=NewName("ci-deploy"), problems=_PROBLEMS)
def rename_key(
    desk: DeskAtHand, caller: CallerAtHand, key: KeyInPath, new: Annotated[NewName, decoded(NewName)]
) -> Response:
    """Give a key another name."""
    credential = desk.ledger.find_key(caller.org, key)
    desk.ledger.change_key(caller.org, caller.actor, credential, KeyChanges(name=new.name))
    return _stands(desk, caller, credential)


@route(router, DISABLE_KEY, _STANDS, body=Why, example=Why("unused for 45 days"), problems=_PROBLEMS)
def disable_key(
    desk: DeskAtHand, caller: CallerAtHand, key: KeyInPath, why: Annotated[Why, decoded(Why)]
) -> Response:
    """Refuse a key, from the moment of this answer, until it is enabled again."""
    credential = desk.ledger.find_key(caller.org, key)
    desk.ledger.disable_key(caller.org, caller.actor, credential, why.reason)
    return _stands(desk, caller, credential)


@route(router, ENABLE_KEY, _STANDS, body=Nothing, example=Nothing(), problems=_PROBLEMS)
def enable_key(
    desk: DeskAtHand, caller: CallerAtHand, key: KeyInPath, nothing: Annotated[Nothing, decoded(Nothing)]
) -> Response:
    """Accept a disabled key again."""
    del nothing
    credential = desk.ledger.find_key(caller.org, key)
    desk.ledger.enable_key(caller.org, caller.actor, credential)
    return _stands(desk, caller, credential)


@route(router, REVOKE_KEY, _STANDS, body=Why, example=Why("moved to OIDC"), problems=_PROBLEMS)
def revoke_key(
    desk: DeskAtHand, caller: CallerAtHand, key: KeyInPath, why: Annotated[Why, decoded(Why)]
) -> Response:
    """End a key for good: it is refused from the moment of this answer, on every server of the ledger."""
    credential = desk.ledger.find_key(caller.org, key)
    desk.ledger.revoke_key(caller.org, caller.actor, credential, why.reason)
    return _stands(desk, caller, credential)


def _expiry(changes: Changes, now: int) -> int | msgspec.UnsetType | None:
    if isinstance(changes.expires_in, msgspec.UnsetType):
        if isinstance(changes.expires_at, msgspec.UnsetType):
            return msgspec.UNSET
        return expiry(changes.expires_at, None, now)
    if not isinstance(changes.expires_at, msgspec.UnsetType):
        raise Problem(ProblemKind.INVALID, "expires_at and expires_in exclude each other")
    return expiry(None, changes.expires_in, now)


def _stands(desk: Desk, caller: Caller, credential: Credential) -> Response:
    now_there = desk.ledger.find_key(caller.org, format_id(credential.key_id))
    return answer(standing_document(caller.org.name, now_there))
