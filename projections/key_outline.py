"""A key without its uses: what a list needs to tell which keys are in it, and in which order."""

import msgspec

from ledger.events import KeyKind, KeyState
from projections.key_record import status_of


class KeyOutline(msgspec.Struct, frozen=True, gc=False):
    """As in the key's record."""

    id: bytes
    name: str
    kind: KeyKind
    state: KeyState
    expires_at: int | None
    overlap_ends_at: int | None

    def status(self, as_of: int) -> str:
        """That of the key's record."""
        return status_of(self.state, self.expires_at, self.overlap_ends_at, as_of)
