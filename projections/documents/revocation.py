"""`keyledger.revocation/1`: which of many keys were revoked, or would be."""

from typing import Literal

import msgspec

from projections.listed_key import ListedKey


class RefusedKey(msgspec.Struct, frozen=True):
    """A key that could not be revoked, and why."""

    id: str
    name: str
    reason: str


class RevocationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the keys that were meant.

    With `dry_run` nothing was done and `keys` are those that would be revoked. `elsewhere` are to be revoked
    where they were minted.
    """

    schema: Literal["keyledger.revocation/1"] = "keyledger.revocation/1"
    organization: str
    dry_run: bool
    keys: list[ListedKey]
    elsewhere: list[ListedKey]
    refused: list[RefusedKey]
