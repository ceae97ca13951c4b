"""The credential index: which keys there are and how each stands, committed with the events that say so.

A check reads it in the very transaction that records the use, so no answer is older than the record. For a
key that was minted elsewhere it holds only the names by which the key is found.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, case, func, select, update

from ledger.database import insert
from ledger.errors import Ambiguous, InvalidInput, NotFound
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
from ledger.ids import format_id, parse_id
from ledger.observation import content_id, linkage
from ledger.schema import credentials, linkages

if TYPE_CHECKING:
    from sqlalchemy.dialects.sqlite import Insert

MINTED_HERE = "keyledger"
MIN_PREFIX = 4

_HEX = re.compile(r"[0-9a-f-]{4,36}", re.ASCII | re.IGNORECASE)
_SHOWN = 5
_LOOKUP_CHUNK = 500
_UUID_HEX = 32


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


def by_fingerprint(connection: Connection, fingerprints: Sequence[bytes]) -> Credential | None:
    """The key that one of the fingerprints belongs to."""
    row = connection.execute(select(credentials).where(credentials.c.fingerprint.in_(fingerprints))).first()
    return None if row is None else _credential(row)


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
        found.extend((row.linkage, _credential(row)) for row in connection.execute(query))
    return found


def find(connection: Connection, organization_id: bytes, reference: str) -> Credential:
    """The key that a person means by an id, a name, an outside id or an id's first four characters or more.

    During a rotation the name means the successor. Raises NotFound or Ambiguous.
    """
    # An id comes first: whatever another key is called, it means this one.
    for candidates in (
        _identified(connection, organization_id, reference),
        _named(connection, organization_id, reference),
        _prefixed(connection, organization_id, reference),
    ):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise Ambiguous(_ambiguity(reference, candidates))
    raise NotFound(f"no key is called {_quoted(reference)}; `keyledger key list --all` shows the keys")


def _identified(connection: Connection, organization_id: bytes, reference: str) -> list[Credential]:
    try:
        key_id = parse_id(reference)
    except InvalidInput:
        return []
    query = select(credentials).where(
        credentials.c.organization_id == organization_id, credentials.c.key_id == key_id
    )
    return [_credential(row) for row in connection.execute(query)]


def _named(connection: Connection, organization_id: bytes, reference: str) -> list[Credential]:
    if "\0" in reference:
        return []  # no name has one, and PostgreSQL takes none in a question either
    exact = (credentials.c.name == reference) | (credentials.c.external_id == reference)
    query = select(credentials).where(credentials.c.organization_id == organization_id, exact)
    found = [_credential(row) for row in connection.execute(query)]
    # Of a rotation's two the successor, even a revoked one: a repeated revoke must not end the other too.
    latest = [key for key in found if key.successor_id is None] or found
    return [key for key in latest if key.state is not KeyState.REVOKED] or latest


def _prefixed(connection: Connection, organization_id: bytes, reference: str) -> list[Credential]:
    digits = reference.replace("-", "").lower()
    if not _HEX.fullmatch(reference) or not MIN_PREFIX <= len(digits) < _UUID_HEX:
        return []
    low = bytes.fromhex(digits.ljust(_UUID_HEX, "0"))
    high = bytes.fromhex(digits.ljust(_UUID_HEX, "f"))
    query = select(credentials).where(
        credentials.c.organization_id == organization_id, credentials.c.key_id.between(low, high)
    )
    return [_credential(row) for row in connection.execute(query.limit(_SHOWN + 1))]


def _ambiguity(reference: str, candidates: Sequence[Credential]) -> str:
    shown = ", ".join(
        f"{format_id(key.key_id)} ({key.name or key.external_id})" for key in candidates[:_SHOWN]
    )
    more = " and more" if len(candidates) > _SHOWN else ""
    return f"{_quoted(reference)} means several keys: {shown}{more}; give the id"


def _quoted(reference: str) -> str:
    return repr(reference if len(reference) <= 40 else reference[:12] + "...")  # noqa: PLR2004


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


def _credential(row: Row[Any]) -> Credential:
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
