"""What an admin says of a key to be made or changed, and what comes of it."""

from collections.abc import Callable

import msgspec

from ledger.secret import Secret


class Asked(msgspec.Struct, frozen=True):
    """The request that a key is made for: an id that its caller gave it, and a digest of all that it says."""

    id: str
    digest: bytes


class NewKey(msgspec.Struct, frozen=True):
    """What an admin says of a key to be made; the owner is a member's e-mail address or another name."""

    name: str
    owner: str | None = None
    expires_at: int | None = None
    scopes: tuple[str, ...] = ()
    asked: Asked | None = None


class CreatedKey(msgspec.Struct, frozen=True):
    """A new key with its secret, which nothing shows again."""

    organization: str
    id: bytes
    name: str
    secret: Secret
    expires_at: int | None = None


def _forget(_created: CreatedKey) -> None:
    pass


class Succession(msgspec.Struct, frozen=True):
    """How a key is succeeded: when the successor expires (UNSET: it lives as long as the key was to).

    `keep` is given the successor before it is stored, so that no crash can lose its secret.
    """

    expires_at: int | msgspec.UnsetType | None = msgspec.UNSET
    keep: Callable[[CreatedKey], object] = _forget
    asked: Asked | None = None


AS_BEFORE = Succession()


class RotatedKey(msgspec.Struct, frozen=True):
    """The successor of a key, and the moment until which the old one works."""

    old_id: bytes
    successor: CreatedKey
    overlap_ends_at: int


class KeyChanges(msgspec.Struct, frozen=True):
    """What to change of a key; UNSET leaves it."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    owner: str | msgspec.UnsetType | None = msgspec.UNSET
    expires_at: int | msgspec.UnsetType | None = msgspec.UNSET
    scopes: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
