"""Members: who is in the organization, and what they may do."""

from typing import Annotated, TypeAlias

import msgspec
from fastapi import APIRouter, Path
from msgspec import Meta
from starlette.responses import Response

from http_api.bodies import answer, decoded
from http_api.caller import Caller, CallerAtHand
from http_api.desk import Desk, DeskAtHand
from http_api.fields import ID
from http_api.operations import ADD_MEMBER, CHANGE_ROLE, LIST_MEMBERS, REMOVE_MEMBER
from http_api.problems import ProblemKind
from http_api.routes import Answer, route
from ledger.errors import NotFound
from ledger.events import MemberDetails, Role
from ledger.ids import format_id
from ledger.organization import MAX_EMAIL, Member
from projections.documents.members import (
    MemberDocument,
    MemberLine,
    MembersDocument,
    member_document,
    members_document,
)

router = APIRouter()

Email: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_EMAIL, description="His address.")]
MemberInPath: TypeAlias = Annotated[str, Path(alias="member", pattern=ID, description="The member's id.")]


class NewMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person to let in: an admin manages keys, a member reads."""

    email: Email
    role: Role


class NewRole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another role for a member."""

    role: Role


_PROBLEMS = (ProblemKind.NOT_FOUND, ProblemKind.WRONG_STATE, ProblemKind.CONFLICT)


_BOB = "2f6c0f0e-8a55-4a57-9a0b-6f6f0f1c3d21"
_MEMBERS = MembersDocument(
    organization="acme", members=[MemberLine(_BOB, "bob@example.com", Role.MEMBER, None)]
)
_MEMBER = MemberDocument(id=_BOB, email="bob@example.com", role=Role.MEMBER, login=None, organization="acme")


@route(router, LIST_MEMBERS, Answer(200, MembersDocument, "The members, by address.", _MEMBERS))
def list_members(caller: CallerAtHand) -> Response:
    """Who is in, with which role."""
    return answer(members_document(caller.org))


@route(
    router,
    ADD_MEMBER,
    Answer(201, MemberDocument, "He is in.", _MEMBER),
    body=NewMember,
    example=NewMember("bob@example.com", Role.MEMBER),
    problems=(ProblemKind.WRONG_STATE, ProblemKind.CONFLICT),
)
def add_member(
    desk: DeskAtHand, caller: CallerAtHand, new: Annotated[NewMember, decoded(NewMember)]
) -> Response:
    """Let a person in.

    Which system user acts as him is said at the ledger itself, by `keyledger member add --login`.
    """
    details = MemberDetails(new.email)
    member_id = desk.ledger.add_member(caller.org, caller.actor, details, new.role)
    return _shown(desk, caller, member_id, 201)


@route(
    router,
    CHANGE_ROLE,
    Answer(200, MemberDocument, "He has that role now."),
    body=NewRole,
    example=NewRole(Role.ADMIN),
    problems=_PROBLEMS,
)
def change_role(
    desk: DeskAtHand, caller: CallerAtHand, member: MemberInPath, new: Annotated[NewRole, decoded(NewRole)]
) -> Response:
    """Give a member another role; the last admin keeps his."""
    found = _member(caller, member)
    desk.ledger.change_role(caller.org, caller.actor, found.email, new.role)
    return _shown(desk, caller, found.id)


@route(router, REMOVE_MEMBER, Answer(204, None, "He is out."), problems=_PROBLEMS)
def remove_member(desk: DeskAtHand, caller: CallerAtHand, member: MemberInPath) -> Response:
    """End a membership; the keys that the member owns stay as they are."""
    desk.ledger.remove_member(caller.org, caller.actor, _member(caller, member).email)
    return Response(status_code=204)


def _member(caller: Caller, text: str) -> Member:
    for member in caller.org.members.values():
        if text in {format_id(member.id), member.id.hex()} and not member.removed:
            return member
    raise NotFound("no member of the organization has that id; `GET /v1/members` lists them")


def _shown(desk: Desk, caller: Caller, member_id: bytes, status: int = 200) -> Response:
    org = desk.ledger.organization(caller.org.name)
    return answer(member_document(org, org.members[member_id]), status)
