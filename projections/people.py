"""Who did it, by name: the members, the departed too, and the keys that acted by themselves."""

from collections.abc import Iterable, Mapping

from ledger.events import Event
from projections.members import MemberRow


class People:
    """The members and keys of an organization by id, and what to call them."""

    def __init__(self, members: Iterable[MemberRow], keys: Mapping[bytes, str] | None = None) -> None:
        self._members = {member.member_id: member.email for member in members}
        self._keys = keys or {}

    def name(self, actor_id: bytes | None) -> str | None:
        """A member's address, else a key's name; None for who is neither."""
        return self.member(actor_id) or self.key(actor_id)

    def member(self, member_id: bytes | None) -> str | None:
        """A member's address."""
        return self._members.get(member_id) if member_id else None

    def key(self, key_id: bytes | None) -> str | None:
        """A key's name."""
        return self._keys.get(key_id) if key_id else None

    def claimed(self, event: Event) -> str | None:
        """The member whom a key claimed to act for."""
        return self.member(getattr(event, "on_behalf_of_id", None))
