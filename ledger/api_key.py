"""The life of an API key: active <-> disabled -> revoked; expired and rotated follow from the clock.

Decide functions take the state and return an event or refuse; `evolve` remembers and never refuses.
"""

import re
from collections.abc import Iterable
from typing import assert_never

import msgspec

from ledger.actor import Stamp, require_admin
from ledger.errors import InvalidInput, LedgerCorrupt, WrongState
from ledger.events import (
    DenialReason,
    Event,
    KeyCreated,
    KeyDisabled,
    KeyEnabled,
    KeyExpiryChanged,
    KeyOwnerChanged,
    KeyRenamed,
    KeyRevoked,
    KeyRotated,
    KeyScopesChanged,
    KeyState,
    OwnerDetails,
)
from ledger.ids import format_id
from ledger.moments import LATEST, format_moment
from ledger.secret import refuse_secrets

MAX_NAME = 128
MAX_REASON = 512
MAX_SCOPES = 32

_SCOPE = re.compile(r"[a-z0-9]+(?:[:._-][a-z0-9]+)*", re.ASCII)


class ApiKey(msgspec.Struct, frozen=True):
    """What a decision needs to know of a key."""

    id: bytes
    version: int
    name: str
    state: KeyState
    owner_id: bytes | None
    owner: str | None
    expires_at: int | None
    scopes: tuple[str, ...]
    masked: str
    fingerprint: bytes
    pepper_id: str | None
    successor_id: bytes | None = None
    overlap_ends_at: int | None = None
    changed_at: int = 0
    created_at: int = 0


class Owner(msgspec.Struct, frozen=True):
    """Who answers for a key: a member by id, or a name that the organization knows."""

    member_id: bytes | None = None
    name: str | None = None

    @property
    def details(self) -> OwnerDetails | None:
        """The part of an event that names an owner who is not a member."""
        return None if self.name is None else OwnerDetails(self.name)


def validate_name(name: str) -> str:
    """The name without surrounding blanks; refused when empty, long, unprintable or a secret."""
    name = name.strip()
    refuse_secrets("the name", name)
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise InvalidInput(f"a key's name has 1 to {MAX_NAME} printable characters; {name[:20]!r} does not")
    return name


def validate_reason(reason: str | None) -> str | None:
    """The reason without surrounding blanks, None where none is left; refused when long, split or secret."""
    reason = reason.strip() if reason else None
    refuse_secrets("the reason", reason)
    if reason and (len(reason) > MAX_REASON or not reason.isprintable()):
        raise InvalidInput(
            f"a reason is one line of at most {MAX_REASON} characters; {reason[:20]!r}... is not"
        )
    return reason or None


def validate_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """The scopes sorted and without repeats; each is words of a-z joined by `:`, `-`, `.` or `_`."""
    unique = tuple(sorted(set(scopes)))
    if len(unique) > MAX_SCOPES:
        raise InvalidInput(f"{len(unique)} scopes were given; {MAX_SCOPES} is the most")
    for scope in unique:
        if not _SCOPE.fullmatch(scope):
            raise InvalidInput(f"{scope!r} is not a scope; write it like keys:check")
    return unique


def validate_expiry(expires_at: int | None, now: int) -> int | None:
    """The expiry, refused when it is not in the future."""
    if expires_at is not None and expires_at <= now:
        raise InvalidInput(f"the expiry {format_moment(expires_at)} is not in the future")
    return expires_at


def denial(
    state: KeyState, expires_at: int | None, overlap_ends_at: int | None, at: int
) -> DenialReason | None:
    """Why a key in this state is refused at a moment, or None where it is valid."""
    match state:
        case KeyState.ACTIVE:
            if expires_at is not None and at >= expires_at:
                return DenialReason.EXPIRED
            if overlap_ends_at is not None and at >= overlap_ends_at:
                return DenialReason.ROTATED
            return None
        case KeyState.REVOKED:
            return DenialReason.REVOKED
        case KeyState.DISABLED:
            return DenialReason.DISABLED
        case _:
            assert_never(state)


def rename(key: ApiKey, name: str, stamp: Stamp) -> KeyRenamed:
    """Give the key another name."""
    require_admin(stamp.actor, "rename keys")
    _require_not_revoked(key, "renamed")
    return KeyRenamed(*stamp.header(), name=validate_name(name), on_behalf_of_id=stamp.on_behalf_of_id)


def change_owner(owner: Owner, stamp: Stamp) -> KeyOwnerChanged:
    """Make somebody else answer for a key, whatever its state: a revoked key may change its owner too."""
    require_admin(stamp.actor, "change the owner of keys")
    return KeyOwnerChanged(
        *stamp.header(),
        owner_id=owner.member_id,
        personal=owner.details,
        on_behalf_of_id=stamp.on_behalf_of_id,
    )


def change_expiry(key: ApiKey, expires_at: int | None, stamp: Stamp) -> KeyExpiryChanged:
    """Set the moment of expiry (or none)."""
    require_admin(stamp.actor, "change the expiry of keys")
    _require_not_revoked(key, "given another expiry")
    return KeyExpiryChanged(
        *stamp.header(),
        expires_at=validate_expiry(expires_at, stamp.recorded_at),
        on_behalf_of_id=stamp.on_behalf_of_id,
    )


def is_longer(key: ApiKey, expires_at: int | None) -> bool:
    """Whether the key would live longer with another expiry."""
    return key.expires_at is not None and (expires_at is None or expires_at > key.expires_at)


def change_scopes(key: ApiKey, scopes: Iterable[str], stamp: Stamp) -> KeyScopesChanged:
    """Set what the key may do."""
    require_admin(stamp.actor, "change the scopes of keys")
    _require_not_revoked(key, "given other scopes")
    return KeyScopesChanged(
        *stamp.header(), scopes=validate_scopes(scopes), on_behalf_of_id=stamp.on_behalf_of_id
    )


def disable(key: ApiKey, reason: str | None, stamp: Stamp) -> KeyDisabled:
    """Refuse the key until it is enabled again."""
    require_admin(stamp.actor, "disable keys")
    _require_not_revoked(key, "disabled")
    if key.state is KeyState.DISABLED:
        raise WrongState(f"the key {key.name!r} is disabled already")
    return KeyDisabled(*stamp.header(), reason=validate_reason(reason), on_behalf_of_id=stamp.on_behalf_of_id)


def enable(key: ApiKey, stamp: Stamp) -> KeyEnabled:
    """Accept a disabled key again."""
    require_admin(stamp.actor, "enable keys")
    _require_not_revoked(key, "enabled")
    if key.state is KeyState.ACTIVE:
        raise WrongState(f"the key {key.name!r} is active already")
    return KeyEnabled(*stamp.header(), on_behalf_of_id=stamp.on_behalf_of_id)


def revoke(key: ApiKey, reason: str | None, stamp: Stamp) -> KeyRevoked:
    """End the key for good."""
    require_admin(stamp.actor, "revoke keys")
    if key.state is KeyState.REVOKED:
        raise WrongState(f"the key {key.name!r} is revoked already")
    return KeyRevoked(*stamp.header(), reason=validate_reason(reason), on_behalf_of_id=stamp.on_behalf_of_id)


def rotate(key: ApiKey, successor_id: bytes, overlap_us: int, stamp: Stamp) -> KeyRotated:
    """Hand over to a successor; the old key works until the overlap ends, at the latest until it expires."""
    require_admin(stamp.actor, "rotate keys")
    refused = denial(key.state, key.expires_at, key.overlap_ends_at, stamp.recorded_at)
    if refused is not None and refused is not DenialReason.ROTATED:
        raise WrongState(f"the key {key.name!r} is {refused} and cannot be rotated; create a new key instead")
    if key.successor_id is not None:
        raise WrongState(f"the key {key.name!r} has been rotated already; rotate its successor by that name")
    ends_at = stamp.recorded_at + overlap_us
    if key.expires_at is not None:
        ends_at = min(ends_at, key.expires_at)
    return KeyRotated(
        *stamp.header(),
        successor_id=successor_id,
        overlap_ends_at=ends_at,
        on_behalf_of_id=stamp.on_behalf_of_id,
    )


def renewed_expiry(key: ApiKey, now: int) -> int | None:
    """When a successor made now expires, that is to live as long as the key was meant to."""
    return None if key.expires_at is None else min(now + key.expires_at - key.created_at, LATEST)


def evolve(key: ApiKey | None, key_id: bytes, version: int, event: Event) -> ApiKey:
    """The key after one more event of its stream."""
    if isinstance(event, KeyCreated):
        return _created(key_id, version, event)
    if key is None:
        raise LedgerCorrupt(f"the stream of key {format_id(key_id)} does not begin with its creation")
    key = msgspec.structs.replace(key, version=version, changed_at=event.occurred_at)
    match event:
        case KeyRenamed():
            return msgspec.structs.replace(key, name=event.name)
        case KeyOwnerChanged():
            owner = event.personal.owner if event.personal else None
            return msgspec.structs.replace(key, owner_id=event.owner_id, owner=owner)
        case KeyExpiryChanged():
            return msgspec.structs.replace(key, expires_at=event.expires_at)
        case KeyScopesChanged():
            return msgspec.structs.replace(key, scopes=event.scopes)
        case KeyDisabled():
            return msgspec.structs.replace(key, state=KeyState.DISABLED)
        case KeyEnabled():
            return msgspec.structs.replace(key, state=KeyState.ACTIVE)
        case KeyRotated():
            ends_at = event.overlap_ends_at
            return msgspec.structs.replace(key, successor_id=event.successor_id, overlap_ends_at=ends_at)
        case KeyRevoked():
            return msgspec.structs.replace(key, state=KeyState.REVOKED)
        case _:
            raise LedgerCorrupt(f"{event.topic!r} is no event of a key's life, yet stands in a key's stream")


def _created(key_id: bytes, version: int, event: KeyCreated) -> ApiKey:
    return ApiKey(
        id=key_id,
        version=version,
        name=event.name,
        state=KeyState.ACTIVE,
        owner_id=event.owner_id,
        owner=event.personal.owner if event.personal else None,
        expires_at=event.expires_at,
        scopes=event.scopes,
        masked=event.masked,
        fingerprint=event.fingerprint,
        pepper_id=event.pepper_id,
        changed_at=event.occurred_at,
        created_at=event.occurred_at,
    )


def _require_not_revoked(key: ApiKey, doing: str) -> None:
    if key.state is KeyState.REVOKED:
        raise WrongState(f"the key {key.name!r} is revoked, which is final; it cannot be {doing}")
