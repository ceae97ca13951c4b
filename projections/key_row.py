"""The row that the events of one key fold into.

Events of a key's own stream come in order. Observations of outside keys come in any: of each thing they say
the one with the latest (occurred at, id) stands, and the earliest moment of creation and of revocation.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from operator import itemgetter
from typing import assert_never

import msgspec

from ledger.errors import LedgerCorrupt
from ledger.events import (
    KeyCreated,
    KeyDisabled,
    KeyEnabled,
    KeyExpiryChanged,
    KeyKind,
    KeyObserved,
    KeyOwnerChanged,
    KeyRenamed,
    KeyRevoked,
    KeyRotated,
    KeyScopesChanged,
    KeyState,
)
from ledger.observation import is_inventoried, is_slot
from projections.key_record import MINTED_HERE

KeyLifeEvent = (
    KeyRenamed
    | KeyOwnerChanged
    | KeyExpiryChanged
    | KeyScopesChanged
    | KeyDisabled
    | KeyEnabled
    | KeyRotated
    | KeyRevoked
)
KeyFact = KeyCreated | KeyObserved | KeyLifeEvent


class KeyRow(msgspec.Struct):
    """A row of the table `keys`; the stamps remember which observation last said a thing.

    As of any moment from `changed_at` on, the latest that any of its events tells of, the row was the same.
    """

    key_id: bytes
    organization_id: bytes
    source: str
    kind: str
    known_since: int
    name: str | None = None
    external_id: str | None = None
    account: str | None = None
    masked: str | None = None
    owner_id: bytes | None = None
    owner_name: str | None = None
    scopes: str = ""
    state: str = KeyState.ACTIVE
    created_at: int | None = None
    created_by_id: bytes | None = None
    created_by_name: str | None = None
    expires_at: int | None = None
    disabled_at: int | None = None
    revoked_at: int | None = None
    rotated_at: int | None = None
    overlap_ends_at: int | None = None
    successor_id: bytes | None = None
    predecessor_id: bytes | None = None
    created_position: int | None = None
    state_position: int | None = None
    rotated_position: int | None = None
    revoked_position: int | None = None
    owner_position: int | None = None
    expiry_position: int | None = None
    inventory_position: int | None = None
    changed_at: int = 0
    state_stamp: bytes = b""
    name_stamp: bytes = b""
    owner_stamp: bytes = b""


def fold(row: KeyRow | None, stream_id: bytes, position: int, event: KeyFact) -> KeyRow:
    """The row after one more event; a row that was given is changed in place."""
    row = _folded(row, stream_id, position, event)
    row.changed_at = max(row.changed_at, event.occurred_at)
    return row


def _folded(row: KeyRow | None, stream_id: bytes, position: int, event: KeyFact) -> KeyRow:
    match event:
        case KeyCreated():
            return _created(stream_id, position, event)
        case KeyObserved():
            return _observed(row or _met(event), stream_id, position, event)
        case _:
            if row is None:
                raise LedgerCorrupt(f"event {position} speaks of a key that was never created")
            _evolve(row, position, event)
            return row


def _created(key_id: bytes, position: int, event: KeyCreated) -> KeyRow:
    return KeyRow(
        key_id=key_id,
        organization_id=event.organization_id,
        source=MINTED_HERE,
        kind=KeyKind.LONG_LIVED,
        known_since=event.occurred_at,
        name=event.name,
        masked=event.masked,
        owner_id=event.owner_id,
        owner_name=event.personal.owner if event.personal else None,
        scopes=" ".join(event.scopes),
        created_at=event.occurred_at,
        created_by_id=event.actor_id,
        expires_at=event.expires_at,
        predecessor_id=event.predecessor_id,
        created_position=position,
        state_position=position,
        owner_position=position,
        expiry_position=position,
    )


def _evolve(row: KeyRow, position: int, event: KeyLifeEvent) -> None:
    match event:
        case KeyRenamed():
            row.name = event.name
        case KeyOwnerChanged():
            row.owner_id = event.owner_id
            row.owner_name, row.owner_position = event.personal.owner if event.personal else None, position
        case KeyExpiryChanged():
            row.expires_at, row.expiry_position = event.expires_at, position
        case KeyScopesChanged():
            row.scopes = " ".join(event.scopes)
        case KeyDisabled():
            row.state, row.disabled_at, row.state_position = KeyState.DISABLED, event.occurred_at, position
        case KeyEnabled():
            row.state, row.disabled_at, row.state_position = KeyState.ACTIVE, None, position
        case KeyRotated():
            row.rotated_at, row.rotated_position = event.occurred_at, position
            row.successor_id, row.overlap_ends_at = event.successor_id, event.overlap_ends_at
        case KeyRevoked():
            row.state, row.revoked_at = KeyState.REVOKED, event.occurred_at
            row.state_position = row.revoked_position = position
        case _:
            assert_never(event)


def _met(event: KeyObserved) -> KeyRow:
    return KeyRow(
        key_id=event.key_id,
        organization_id=event.organization_id,
        source=event.source,
        kind=event.kind,
        known_since=event.occurred_at,
        external_id=event.external_id,
    )


def _observed(row: KeyRow, stream_id: bytes, position: int, event: KeyObserved) -> KeyRow:
    stamp = event.occurred_at.to_bytes(8, "big") + stream_id
    row.known_since = min(row.known_since, event.occurred_at)
    row.account = _least(row.account, event.account)
    if event.name is not None and stamp > row.name_stamp:
        row.name, row.name_stamp = event.name, stamp
    if event.personal is not None:
        row.created_by_name = _least(row.created_by_name, event.personal.created_by)
        if event.personal.owner is not None and stamp > row.owner_stamp:
            row.owner_name, row.owner_stamp, row.owner_position = event.personal.owner, stamp, position
    if event.created_at is not None and (row.created_at is None or event.created_at < row.created_at):
        row.created_at, row.created_position = event.created_at, position
    if event.state is not None:
        _observe_state(row, stamp, position, event.state, event.occurred_at)
    if row.inventory_position is None and is_inventoried(event):
        row.inventory_position = position
    return row


def _observe_state(row: KeyRow, stamp: bytes, position: int, state: KeyState, at: int) -> None:
    """A deletion is final whenever it is heard of; of other states the latest stands."""
    if state is KeyState.REVOKED:
        if row.revoked_at is None or at < row.revoked_at:
            row.revoked_at, row.revoked_position = at, position
        row.state, row.state_position = KeyState.REVOKED, row.revoked_position
        row.disabled_at = None
    elif row.revoked_at is None and stamp > row.state_stamp:
        row.state, row.state_stamp, row.state_position = state, stamp, position
        row.disabled_at = at if state is KeyState.DISABLED else None


def absorb(row: KeyRow, alias: KeyRow) -> None:
    """Add to a key what was said of it under another name."""
    row.known_since = min(row.known_since, alias.known_since)
    row.account = _least(row.account, alias.account)
    row.created_by_name = _least(row.created_by_name, alias.created_by_name)
    if alias.owner_stamp > row.owner_stamp:
        row.owner_name, row.owner_stamp = alias.owner_name, alias.owner_stamp
        row.owner_position = alias.owner_position
    row.inventory_position = row.inventory_position or alias.inventory_position
    if alias.created_at is not None and (row.created_at is None or alias.created_at < row.created_at):
        row.created_at, row.created_position = alias.created_at, alias.created_position
    if alias.revoked_at is not None and (row.revoked_at is None or alias.revoked_at < row.revoked_at):
        row.state, row.revoked_at, row.disabled_at = KeyState.REVOKED, alias.revoked_at, None
        row.state_position = row.revoked_position = alias.revoked_position
    elif row.revoked_at is None and alias.state_stamp > row.state_stamp:
        row.state, row.state_stamp, row.state_position = alias.state, alias.state_stamp, alias.state_position
        row.disabled_at = alias.disabled_at


def end_replaced(rows: Iterable[KeyRow]) -> None:
    """Revoke the keys that another one has followed in their slot of a report, which holds one at a time.

    The next one's creation is the latest moment at which the earlier one can have been deleted.
    """
    slots: dict[str, list[tuple[int, KeyRow]]] = defaultdict(list)
    for row in rows:
        if row.external_id is not None and row.created_at is not None and is_slot(row.external_id):
            slots[row.external_id].append((row.created_at, row))
    for keys in slots.values():
        for (_, earlier), (replaced_at, later) in pairwise(sorted(keys, key=itemgetter(0))):
            if earlier.revoked_at is None:
                earlier.state, earlier.revoked_at, earlier.disabled_at = KeyState.REVOKED, replaced_at, None
                earlier.state_position = earlier.revoked_position = later.created_position


def _least(one: str | None, other: str | None) -> str | None:
    """Either, where one is unknown; where they differ the lesser, so that order does not matter."""
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
