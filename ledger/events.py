"""Domain events: what happened, in the past tense, each shape named once for ever.

An event is stored as its topic and a msgpack array of its fields in the order written here. Ids are 16 bytes,
moments are whole microseconds since 1970 in UTC. A stored shape never changes: a field may be added at the
end with a default, anything else is a new topic. No field ever holds a secret. Personal data (e-mail,
address, agent) sits in `personal` alone, to be sealed per subject; everything else refers to people by id.
Where the actor is a key, `on_behalf_of_id` is the member that it claimed to act for: said, and not shown.
"""

from enum import IntEnum, StrEnum
from typing import ClassVar

import msgspec


class Authentication(IntEnum):
    """How the actor was established; a claim is never shown as proof."""

    OPERATING_SYSTEM = 1
    CLAIMED = 2
    KEY = 3
    SESSION = 4


class Role(StrEnum):
    """What a member may do: an admin manages keys, a member reads."""

    ADMIN = "admin"
    MEMBER = "member"


class KeyState(StrEnum):
    """The stored states of a key; expired and rotating are derived."""

    ACTIVE = "active"
    DISABLED = "disabled"
    REVOKED = "revoked"


class KeyKind(StrEnum):
    """Whether a credential lives until somebody ends it, or ends by itself."""

    LONG_LIVED = "long-lived"
    TEMPORARY = "temporary"


class DenialReason(StrEnum):
    """Why a known key was refused."""

    REVOKED = "revoked"
    DISABLED = "disabled"
    EXPIRED = "expired"
    ROTATED = "rotated"


class OwnerDetails(msgspec.Struct, frozen=True, array_like=True):
    """An owner who is not a member: a team, or a person known elsewhere."""

    owner: str


class ObservedDetails(msgspec.Struct, frozen=True, array_like=True):
    """The people around a key that was minted elsewhere, as its source names them."""

    owner: str | None = None
    created_by: str | None = None


class UseDetails(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a use came from."""

    source_ip: str | None = None
    user_agent: str | None = None


class MemberDetails(msgspec.Struct, frozen=True, array_like=True):
    """Who a member is; `login` is the operating-system user that acts as this member."""

    email: str
    login: str | None = None


class Event(msgspec.Struct, frozen=True, array_like=True):
    """The fields that every event begins with."""

    topic: ClassVar[str]

    occurred_at: int
    recorded_at: int
    organization_id: bytes
    actor_id: bytes | None
    authentication: Authentication


class OrganizationCreated(Event, frozen=True, array_like=True):
    """Stream: the organization."""

    topic = "organization-created/1"

    name: str
    secret_prefix: str


class MemberAdded(Event, frozen=True, array_like=True):
    """Stream: the organization."""

    topic = "member-added/1"

    member_id: bytes
    role: Role
    personal: MemberDetails
    on_behalf_of_id: bytes | None = None


class MemberRoleChanged(Event, frozen=True, array_like=True):
    """Stream: the organization."""

    topic = "member-role-changed/1"

    member_id: bytes
    role: Role
    on_behalf_of_id: bytes | None = None


class MemberRemoved(Event, frozen=True, array_like=True):
    """Stream: the organization."""

    topic = "member-removed/1"

    member_id: bytes
    on_behalf_of_id: bytes | None = None


class KeyCreated(Event, frozen=True, array_like=True):
    """Stream: the key, version 1. The owner is a member's id, or else named in `personal`.

    `request_digest` tells a repeat of the request that made the key from another one under the same id.
    """

    topic = "key-created/1"

    name: str
    masked: str
    fingerprint: bytes
    pepper_id: str | None
    owner_id: bytes | None = None
    personal: OwnerDetails | None = None
    expires_at: int | None = None
    scopes: tuple[str, ...] = ()
    predecessor_id: bytes | None = None
    on_behalf_of_id: bytes | None = None
    request_digest: bytes | None = None


class KeyRenamed(Event, frozen=True, array_like=True):
    """Stream: the key."""

    topic = "key-renamed/1"

    name: str
    on_behalf_of_id: bytes | None = None


class KeyOwnerChanged(Event, frozen=True, array_like=True):
    """Stream: the key."""

    topic = "key-owner-changed/1"

    owner_id: bytes | None
    personal: OwnerDetails | None
    on_behalf_of_id: bytes | None = None


class KeyExpiryChanged(Event, frozen=True, array_like=True):
    """Stream: the key. No moment means that it does not expire."""

    topic = "key-expiry-changed/1"

    expires_at: int | None
    on_behalf_of_id: bytes | None = None


class KeyScopesChanged(Event, frozen=True, array_like=True):
    """Stream: the key."""

    topic = "key-scopes-changed/1"

    scopes: tuple[str, ...]
    on_behalf_of_id: bytes | None = None


class KeyDisabled(Event, frozen=True, array_like=True):
    """Stream: the key."""

    topic = "key-disabled/1"

    reason: str | None = None
    on_behalf_of_id: bytes | None = None


class KeyEnabled(Event, frozen=True, array_like=True):
    """Stream: the key."""

    topic = "key-enabled/1"

    on_behalf_of_id: bytes | None = None


class KeyRotated(Event, frozen=True, array_like=True):
    """Stream: the old key, which keeps working until the overlap ends."""

    topic = "key-rotated/1"

    successor_id: bytes
    overlap_ends_at: int
    on_behalf_of_id: bytes | None = None


class KeyRevoked(Event, frozen=True, array_like=True):
    """Stream: the key. Terminal."""

    topic = "key-revoked/1"

    reason: str | None = None
    on_behalf_of_id: bytes | None = None


class KeyUsed(Event, frozen=True, array_like=True, gc=False):
    """Its own stream. `occurred_at` is the first moment and `last_at` the last, where uses were coalesced."""

    topic = "key-used/1"

    key_id: bytes
    service: str
    caller: str | None = None
    reporter: str | None = None
    personal: UseDetails | None = None
    count: int = 1
    error_count: int = 0
    last_at: int | None = None


class KeyUseDenied(Event, frozen=True, array_like=True):
    """One stream per key, caller and minute: a revoked, disabled, expired or rotated key was presented."""

    topic = "key-use-denied/1"

    key_id: bytes
    reason: DenialReason
    service: str
    caller: str | None = None
    reporter: str | None = None
    personal: UseDetails | None = None
    count: int = 1
    last_at: int | None = None


class KeyObserved(Event, frozen=True, array_like=True):
    """Its own stream: what a source said of a key that was minted elsewhere; what it did not say is None."""

    topic = "key-observed/1"

    key_id: bytes
    source: str
    external_id: str
    kind: KeyKind
    reporter: str
    account: str | None = None
    state: KeyState | None = None
    created_at: int | None = None
    name: str | None = None
    personal: ObservedDetails | None = None


class KeyLinked(Event, frozen=True, array_like=True):
    """Its own stream: `alias_id` may be another name of the key `key_id`: it is where it fits no other."""

    topic = "key-linked/1"

    key_id: bytes
    alias_id: bytes
    reporter: str


class KeyUsageSummarized(Event, frozen=True, array_like=True):
    """Its own stream: what a report says of a key's use over a period; never turned into invented uses."""

    topic = "key-usage-summarized/1"

    key_id: bytes
    reporter: str
    covers_from: int
    covers_to: int
    first_used_at: int | None = None
    last_used_at: int | None = None
    count: int | None = None
    service: str | None = None


class CoverageReported(Event, frozen=True, array_like=True):
    """Its own stream: a reporter vouches that it told every use of a source's (or an account's) keys."""

    topic = "coverage-reported/1"

    reporter: str
    covers_from: int
    covers_to: int
    source: str | None = None
    account: str | None = None
