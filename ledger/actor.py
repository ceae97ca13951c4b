"""Who is behind a command, and the marks that every event of one command shares."""

import msgspec

from ledger.errors import NotAllowed
from ledger.events import Authentication, Role


class Actor(msgspec.Struct, frozen=True):
    """A member or a key at work: its id, its role, how that was shown and its name in messages.

    `on_behalf_of` is the member that a key claims to act for, which nothing proves.
    """

    id: bytes
    authentication: Authentication
    role: Role
    name: str
    on_behalf_of: bytes | None = None

    @property
    def is_person(self) -> bool:
        """Whether a member is behind it, be it by a claim; a key that names nobody acts by itself."""
        return self.authentication is not Authentication.KEY or self.on_behalf_of is not None


class Stamp(msgspec.Struct, frozen=True):
    """What every event of one command shares: organization, actor and the moment of recording."""

    organization_id: bytes
    actor: Actor
    recorded_at: int

    @property
    def on_behalf_of_id(self) -> bytes | None:
        """The member that the actor claims to act for."""
        return self.actor.on_behalf_of

    def header(self, occurred_at: int | None = None) -> tuple[int, int, bytes, bytes, Authentication]:
        """The fields that an event begins with, in their order; a decision occurs as it is recorded."""
        if occurred_at is None:
            occurred_at = self.recorded_at
        return (occurred_at, self.recorded_at, self.organization_id, self.actor.id, self.actor.authentication)


def require_admin(actor: Actor, doing: str) -> None:
    """Refuse anyone but an admin; `doing` completes the sentence, as in `create keys`."""
    if actor.role is not Role.ADMIN:
        raise NotAllowed(
            f"{actor.name} has the role {actor.role} and may only read;"
            f" ask an admin of the organization to {doing}"
        )
