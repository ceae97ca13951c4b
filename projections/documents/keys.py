"""`keyledger.keys/1`: keys in rows."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from projections.key_record import KeyRecord
from projections.listed_key import ListedKey, listed_key


class KeysDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of an organization, as they were at a position of the ledger."""

    schema: Literal["keyledger.keys/1"] = "keyledger.keys/1"
    organization: str
    position: int
    keys: list[ListedKey]


def keys_document(organization: str, position: int, records: Iterable[KeyRecord], now: int) -> KeysDocument:
    """The document; the keys come as they are given."""
    keys = [listed_key(record, now) for record in records]
    return KeysDocument(organization=organization, position=position, keys=keys)
