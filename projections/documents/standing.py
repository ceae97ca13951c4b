"""`keyledger.standing/1`: how a key stands right after a command, as the ledger itself has it."""

from typing import Literal

import msgspec

from ledger.credentials import Credential
from ledger.events import KeyState
from ledger.ids import format_id
from ledger.moments import format_moment


class StandingDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A key's state; what it says is on disk."""

    schema: Literal["keyledger.standing/1"] = "keyledger.standing/1"
    organization: str
    id: str
    name: str | None
    state: KeyState
    scopes: tuple[str, ...]
    expires_at: str | None
    successor_id: str | None
    overlap_ends_at: str | None


def standing_document(organization: str, key: Credential) -> StandingDocument:
    """The document of a key."""
    return StandingDocument(
        organization=organization,
        id=format_id(key.key_id),
        name=key.name,
        state=key.state,
        scopes=key.scopes,
        expires_at=_moment(key.expires_at),
        successor_id=None if key.successor_id is None else format_id(key.successor_id),
        overlap_ends_at=_moment(key.overlap_ends_at),
    )


def _moment(at: int | None) -> str | None:
    return None if at is None else format_moment(at)
