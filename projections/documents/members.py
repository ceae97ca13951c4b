"""`keyledger.members/1`: who is in an organization."""

from typing import Literal

import msgspec

from ledger.events import Role
from ledger.ids import format_id
from ledger.organization import Member, Organization


class MemberLine(msgspec.Struct, frozen=True):
    """A member with his role; `login` is the operating-system user that acts as him."""

    id: str
    email: str
    role: Role
    login: str | None


class MembersDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The members of an organization, by address."""

    schema: Literal["keyledger.members/1"] = "keyledger.members/1"
    organization: str
    members: list[MemberLine]


class MemberDocument(MemberLine, frozen=True, kw_only=True):
    """One member of an organization."""

    schema: Literal["keyledger.member/1"] = "keyledger.member/1"
    organization: str


def present_members(org: Organization) -> list[Member]:
    """Those who are in, by address."""
    present = (member for member in org.members.values() if not member.removed)
    return sorted(present, key=lambda member: member.email)


def members_document(org: Organization) -> MembersDocument:
    """The document of an organization's members."""
    return MembersDocument(
        organization=org.name, members=[member_line(each) for each in present_members(org)]
    )


def member_document(org: Organization, member: Member) -> MemberDocument:
    """The document of one member."""
    return MemberDocument(organization=org.name, **msgspec.structs.asdict(member_line(member)))


def member_line(member: Member) -> MemberLine:
    """The row of a member."""
    return MemberLine(format_id(member.id), member.email, member.role, member.login)
