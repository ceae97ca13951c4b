"""Which key a person means: by an id, a name, an outside id or the beginning of an id."""

import re
from collections.abc import Sequence

from sqlalchemy import Connection, select

from ledger.credentials import Credential, credential_of
from ledger.errors import Ambiguous, InvalidInput, NotFound
from ledger.events import KeyState
from ledger.ids import format_id, parse_id
from ledger.schema import credentials

MIN_PREFIX = 4

_HEX = re.compile(r"[0-9a-f-]{4,36}", re.ASCII | re.IGNORECASE)
_SHOWN = 5
_UUID_HEX = 32


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
    return [credential_of(row) for row in connection.execute(query)]


def _named(connection: Connection, organization_id: bytes, reference: str) -> list[Credential]:
    if "\0" in reference:
        return []  # no name has one, and PostgreSQL takes none in a question either
    exact = (credentials.c.name == reference) | (credentials.c.external_id == reference)
    query = select(credentials).where(credentials.c.organization_id == organization_id, exact)
    found = [credential_of(row) for row in connection.execute(query)]
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
    return [credential_of(row) for row in connection.execute(query.limit(_SHOWN + 1))]


def _ambiguity(reference: str, candidates: Sequence[Credential]) -> str:
    shown = ", ".join(
        f"{format_id(key.key_id)} ({key.name or key.external_id})" for key in candidates[:_SHOWN]
    )
    more = " and more" if len(candidates) > _SHOWN else ""
    return f"{_quoted(reference)} means several keys: {shown}{more}; give the id"


def _quoted(reference: str) -> str:
    return repr(reference if len(reference) <= 40 else reference[:12] + "...")  # noqa: PLR2004
