"""The tenant: an organization's name, its secrets' prefix, and its members with their roles."""

import re

import msgspec

from ledger.actor import Actor, Stamp, require_admin
from ledger.errors import InvalidInput, LedgerCorrupt, NotFound, WrongState
from ledger.events import (
    Authentication,
    Event,
    MemberAdded,
    MemberDetails,
    MemberRemoved,
    MemberRoleChanged,
    OrganizationCreated,
    Role,
)

MAX_EMAIL = 254

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII | re.IGNORECASE)
_MAX_NAME = 64


class Member(msgspec.Struct, frozen=True):
    """A person in an organization; one who was removed stays, so that history keeps the name."""

    id: bytes
    email: str
    role: Role
    login: str | None = None
    removed: bool = False


class Organization(msgspec.Struct, frozen=True):
    """What a decision needs to know of an organization."""

    id: bytes
    version: int
    name: str
    secret_prefix: str
    members: dict[bytes, Member] = {}
    changed_at: int = 0

    def member(self, email: str) -> Member:
        """The present member of that e-mail address, in any case of letters."""
        for member in self.members.values():
            if not member.removed and member.email.casefold() == email.casefold():
                return member
        raise NotFound(f"{email!r} is not a member of {self.name!r}; `keyledger member list` shows who is")

    def claimed_actor(self, email: str) -> Actor:
        """The actor that somebody claims to be."""
        member = self.member(email)
        return Actor(member.id, Authentication.CLAIMED, member.role, member.email)

    def login_actor(self, login: str) -> Actor:
        """The actor that the operating-system user is: the member with that login, or that very name."""
        for member in self.members.values():
            if not member.removed and login in (member.login, member.email):
                return Actor(member.id, Authentication.OPERATING_SYSTEM, member.role, member.email)
        raise NotFound(
            f"the operating-system user {login!r} is not a member of {self.name!r};"
            " say who you are with --as EMAIL or KEYLEDGER_ACTOR"
        )


def validate_organization_name(name: str) -> str:
    """The name, which is also typed on command lines: letters and digits joined by `.`, `_` or `-`."""
    if len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name[:80]!r} cannot name an organization; use letters, digits, '.', '_' and '-'"
        )
    return name


def validate_email(email: str) -> str:
    """A member's address, or the name of an operating-system user: printable, without blanks."""
    if not email or len(email) > MAX_EMAIL or not email.isprintable() or any(map(str.isspace, email)):
        raise InvalidInput(f"{email[:40]!r} cannot name a member; write an e-mail address")
    return email


def validate_address(address: str) -> str:
    """A member's e-mail address: two parts about an @, as mail could be sent to."""
    name, _, domain = validate_email(address).rpartition("@")
    if not name or not domain:
        raise InvalidInput(f"{address[:40]!r} is no e-mail address; write one such as ada@example.com")
    return address


def add_member(
    organization: Organization, member_id: bytes, details: MemberDetails, role: Role, stamp: Stamp
) -> MemberAdded:
    """Let a person in."""
    require_admin(stamp.actor, "add members")
    validate_address(details.email)
    if details.login is not None:
        validate_email(details.login)
    for member in organization.members.values():
        if not member.removed and member.email.casefold() == details.email.casefold():
            raise WrongState(f"{details.email!r} is a member already, with the role {member.role}")
    return MemberAdded(
        *stamp.header(),
        member_id=member_id,
        role=role,
        personal=details,
        on_behalf_of_id=stamp.on_behalf_of_id,
    )


def change_role(organization: Organization, email: str, role: Role, stamp: Stamp) -> MemberRoleChanged:
    """Give a member another role; the last admin keeps his."""
    require_admin(stamp.actor, "change roles")
    member = organization.member(email)
    if member.role is role:
        raise WrongState(f"{email!r} has the role {role} already")
    if role is not Role.ADMIN:
        _require_another_admin(organization, member)
    return MemberRoleChanged(
        *stamp.header(), member_id=member.id, role=role, on_behalf_of_id=stamp.on_behalf_of_id
    )


def remove_member(organization: Organization, email: str, stamp: Stamp) -> MemberRemoved:
    """End a membership; the last admin stays."""
    require_admin(stamp.actor, "remove members")
    member = organization.member(email)
    _require_another_admin(organization, member)
    return MemberRemoved(*stamp.header(), member_id=member.id, on_behalf_of_id=stamp.on_behalf_of_id)


def evolve(
    organization: Organization | None, organization_id: bytes, version: int, event: Event
) -> Organization:
    """The organization after one more event of its stream."""
    if isinstance(event, OrganizationCreated):
        return Organization(
            organization_id, version, event.name, event.secret_prefix, changed_at=event.occurred_at
        )
    if organization is None:
        raise LedgerCorrupt("an organization's stream does not begin with its creation")
    member = _evolve_member(organization, event)
    members = organization.members | {member.id: member}
    return msgspec.structs.replace(
        organization, version=version, members=members, changed_at=event.occurred_at
    )


def _evolve_member(organization: Organization, event: Event) -> Member:
    match event:
        case MemberAdded():
            return Member(event.member_id, event.personal.email, event.role, event.personal.login)
        case MemberRoleChanged():
            return msgspec.structs.replace(organization.members[event.member_id], role=event.role)
        case MemberRemoved():
            return msgspec.structs.replace(organization.members[event.member_id], removed=True)
        case _:
            raise LedgerCorrupt(f"{event.topic!r} stands in an organization's stream, where it cannot be")


def _require_another_admin(organization: Organization, member: Member) -> None:
    others = (
        other
        for other in organization.members.values()
        if other.id != member.id and not other.removed and other.role is Role.ADMIN
    )
    if member.role is Role.ADMIN and not any(others):
        raise WrongState(
            f"{member.email!r} is the last admin of {organization.name!r}; make somebody else admin first"
        )
