"""The credential index: which keys there are and how each stands, committed with the events that say so.

A check reads it in the very transaction that records the use, so no answer is older than the record. For a
key that was minted elsewhere it holds only the names by which the key is found.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, case, func, select, update

from ledger.database import Database, insert
from ledger.events import (
    Event,
    KeyCreated,
    KeyDisabled,
    KeyEnabled,
    KeyExpiryChanged,
    KeyObserved,
    KeyRenamed,
    KeyRevoked,
    KeyRotated,
    KeyScopesChanged,
    KeyState,
)
from ledger.observation import content_id, linkage
from ledger.schema import credentials, linkages
from ledger.verdict import Standing, standing_of

if TYPE_CHECKING:
    from sqlalchemy.dialects.sqlite import Insert

MINTED_HERE = "keyledger"
_LOOKUP_CHUNK = 500

STANDINGS = """
    SELECT fingerprint, key_id, credentials.name, scopes, state, expires_at, overlap_ends_at,
           organization_id, organizations.name
    FROM credentials JOIN organizations USING (organization_id) WHERE fingerprint = ?"""


class Credential(msgspec.Struct, frozen=True):
    """A row of the index."""

    key_id: bytes
    organization_id: bytes
    source: str
    external_id: str | None
    account: str | None
    name: str | None
    state: KeyState
    fingerprint: bytes | None
    expires_at: int | None
    overlap_ends_at: int | None
    successor_id: bytes | None
    scopes: tuple[str, ...]

    @property
    def is_minted_here(self) -> bool:
        """Whether its life is decided in this ledger."""
        return self.source == MINTED_HERE


def index(connection: Connection, key_id: bytes, event: Event) -> None:
    """Bring the index up to date with one event of a key's life, or one observation."""
    match event:
        case KeyCreated():
            connection.execute(credentials.insert().values(_row_of_created(key_id, event)))
        case KeyObserved():
            index_observed(connection, [event])
        case _:
            changes = _changes(event)
            if changes:
                connection.execute(update(credentials).where(credentials.c.key_id == key_id).values(changes))


def index_observed(connection: Connection, events: Sequence[KeyObserved]) -> None:
    """Bring the index up to date with what was said of outside keys."""
    if not events:
        return
    connection.execute(_upsert_observed(connection), [_row_of_observed(event) for event in events])
    said = [row for event in events if (row := _linkage_of(event))]
    if said:
        connection.execute(insert(connection, linkages).on_conflict_do_nothing(), said)


def standings(
    database: Database, connection: Connection, fingerprints: Sequence[bytes]
) -> dict[bytes, Standing]:
    """How the keys with these fingerprints stand in a transaction, by fingerprint."""
    rows = database.dialect.select_each(connection, STANDINGS, fingerprints)
    return {bytes(row[0]): standing_of(row[1:]) for row in rows}


def looked_up(database: Database, fingerprints: Sequence[bytes]) -> dict[bytes, Standing]:
    """The same as of the latest commit: a read that costs next to nothing."""
    return {bytes(row[0]): standing_of(row[1:]) for row in database.look_up(STANDINGS, fingerprints)}


def known(connection: Connection, organization_id: bytes, key_ids: Iterable[bytes]) -> set[bytes]:
    """Those of the ids that are keys of the organization."""
    asked = list(key_ids)
    found: set[bytes] = set()
    for start in range(0, len(asked), _LOOKUP_CHUNK):
        chunk = credentials.c.key_id.in_(asked[start : start + _LOOKUP_CHUNK])
        query = select(credentials.c.key_id).where(chunk, credentials.c.organization_id == organization_id)
        found.update(connection.execute(query).scalars())
    return found


def kindred(
    connection: Connection, organization_id: bytes, links: Iterable[str]
) -> list[tuple[str, Credential]]:
    """The outside keys that have, or ever had, one of the owners and moments of creation, with which one."""
    asked = list(links)
    found: list[tuple[str, Credential]] = []
    joined = credentials.join(linkages, linkages.c.key_id == credentials.c.key_id)
    for start in range(0, len(asked), _LOOKUP_CHUNK):
        chunk = linkages.c.linkage.in_(asked[start : start + _LOOKUP_CHUNK])
        query = select(linkages.c.linkage, credentials).select_from(joined)
        query = query.where(chunk, linkages.c.organization_id == organization_id)
        found.extend((row.linkage, credential_of(row)) for row in connection.execute(query))
    return found


def _row_of_created(key_id: bytes, event: KeyCreated) -> dict[str, Any]:
    return {
        "key_id": key_id,
        "organization_id": event.organization_id,
        "source": MINTED_HERE,
        "name": event.name,
        "state": KeyState.ACTIVE,
        "fingerprint": event.fingerprint,
        "expires_at": event.expires_at,
        "scopes": " ".join(event.scopes),
    }


def _row_of_observed(event: KeyObserved) -> dict[str, Any]:
    told_by = event.occurred_at.to_bytes(8, "big") + content_id(event)
    return {
        "key_id": event.key_id,
        "organization_id": event.organization_id,
        "source": event.source,
        "external_id": event.external_id,
        "account": event.account,
        "name": event.name,
        "state": KeyState.ACTIVE,
        "scopes": "",
        "named_by": None if event.name is None else told_by,
    }


def _linkage_of(event: KeyObserved) -> dict[str, Any] | None:
    link = linkage(event.personal.owner if event.personal else None, event.created_at)
    if link is None:
        return None
    return {"organization_id": event.organization_id, "linkage": link, "key_id": event.key_id}


def _upsert_observed(connection: Connection) -> "Insert":
    """Of two names that of the later moment stands, whichever of them arrives first."""
    upsert = insert(connection, credentials)
    later_name = upsert.excluded.named_by > func.coalesce(credentials.c.named_by, b"")
    told: dict[str, ColumnElement[Any]] = {
        name: case((later_name, upsert.excluded[name]), else_=credentials.c[name])
        for name in ("name", "named_by")
    }
    told["account"] = func.coalesce(credentials.c.account, upsert.excluded.account)
    return upsert.on_conflict_do_update(index_elements=["key_id"], set_=told)


def _changes(event: Event) -> dict[str, Any]:
    match event:
        case KeyRenamed():
            return {"name": event.name}
        case KeyExpiryChanged():
            return {"expires_at": event.expires_at}
        case KeyScopesChanged():
            return {"scopes": " ".join(event.scopes)}
        case KeyDisabled():
            return {"state": KeyState.DISABLED}
        case KeyEnabled():
            return {"state": KeyState.ACTIVE}
        case KeyRevoked():
            return {"state": KeyState.REVOKED}
        case KeyRotated():
            return {"successor_id": event.successor_id, "overlap_ends_at": event.overlap_ends_at}
        case _:
            return {}


def credential_of(row: Row[Any]) -> Credential:
    """A row of the index."""
    return Credential(
        key_id=row.key_id,
        organization_id=row.organization_id,
        source=row.source,
        external_id=row.external_id,
        account=row.account,
        name=row.name,
        state=KeyState(row.state),
        fingerprint=row.fingerprint,
        expires_at=row.expires_at,
        overlap_ends_at=row.overlap_ends_at,
        successor_id=row.successor_id,
        scopes=tuple(row.scopes.split()),
    )
