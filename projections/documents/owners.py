"""`keyledger.owners/1`: the keys by who answers for them."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from ledger.moments import format_moment
from projections.key_record import KeyRecord
from projections.listed_key import ListedKey, listed_key
from projections.owned_keys import OwnedKeys, Standing


class OwnedKey(ListedKey, frozen=True):
    """The row of a key and when it was last confirmed as needed."""

    confirmed_at: str | None


class OwnerLine(msgspec.Struct, frozen=True):
    """An owner (None: nobody) with what he is to the organization and his keys, by name."""

    owner: str | None
    standing: Standing
    departed_at: str | None
    keys: list[OwnedKey]


class OwnersDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The owners of an organization's keys, those who have left first."""

    schema: Literal["keyledger.owners/1"] = "keyledger.owners/1"
    organization: str
    position: int
    owners: list[OwnerLine]


def owners_document(
    organization: str, position: int, owners: Iterable[OwnedKeys], now: int
) -> OwnersDocument:
    """The document of some owners."""
    lines = [_line(owned, now) for owned in owners]
    return OwnersDocument(organization=organization, position=position, owners=lines)


def _line(owned: OwnedKeys, now: int) -> OwnerLine:
    keys = [_key(record, now) for record in owned.keys]
    return OwnerLine(owned.owner, owned.standing, _moment(owned.departed_at), keys)


def _key(record: KeyRecord, now: int) -> OwnedKey:
    row: tuple[Any, ...] = (
        *msgspec.structs.astuple(listed_key(record, now)),
        _moment(record.marks.confirmed_at),
    )
    return OwnedKey(*row)


def _moment(at: int | None) -> str | None:
    return None if at is None else format_moment(at)
