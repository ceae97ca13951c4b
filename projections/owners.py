"""Who owns a key: a member by his id, or somebody by name, who may have been a member all the same."""

from collections.abc import Iterable

import msgspec

from projections.members import MemberRow


class Owner(msgspec.Struct, frozen=True):
    """An owner as records name him; since when he is gone, and the event that shows it."""

    name: str | None
    departed_at: int | None = None
    departed_position: int | None = None


class Owners:
    """The owners of an organization's keys; who came back under the same address has not left."""

    def __init__(self, members: Iterable[MemberRow]) -> None:
        self._members = {member.member_id: member for member in members}
        latest = sorted(
            self._members.values(), key=lambda member: (member.removed_at is None, member.added_at)
        )
        self._by_address = {member.email.casefold(): member for member in latest}

    def owner(self, member_id: bytes | None, name: str | None) -> Owner:
        """The owner whom a key names by id, or else by name; a name that is an address means its member."""
        member = self._members.get(member_id) if member_id else None
        address = (member.email if member else name) or ""
        known = self._by_address.get(address.casefold())
        if known is None or known.removed_at is None:
            return Owner(member.email if member else name)
        return Owner(address, known.removed_at, known.removed_position)

    def name(self, member_id: bytes | None) -> str | None:
        """A member's address; None for somebody who never was one."""
        member = self._members.get(member_id) if member_id else None
        return None if member is None else member.email
