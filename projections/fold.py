"""What a stretch of events means for the read side's rows: pure accumulation, no database."""

from typing import assert_never

import msgspec

from ledger.events import (
    CoverageReported,
    Event,
    KeyCreated,
    KeyDisabled,
    KeyEnabled,
    KeyExpiryChanged,
    KeyKind,
    KeyLinked,
    KeyObserved,
    KeyOwnerChanged,
    KeyRenamed,
    KeyRevoked,
    KeyRotated,
    KeyScopesChanged,
    KeyState,
    KeyUsageSummarized,
    KeyUseDenied,
    KeyUsed,
    MemberAdded,
    MemberRemoved,
    MemberRoleChanged,
    OrganizationCreated,
)
from projections.key_record import MINTED_HERE

DAY_US = 86_400_000_000

UsageKey = tuple[bytes, str, str]
DenialKey = tuple[bytes, str, str, str]


class Tally(msgspec.Struct):
    """Counts and ends of a group of uses; positions cite the events at the ends."""

    count: int
    error_count: int
    first_at: int
    last_at: int
    first_position: int
    last_position: int
    low_position: int
    high_position: int

    def add(self, event: KeyUsed | KeyUseDenied, position: int) -> None:
        """Count one more event; positions come in rising order."""
        self.count += event.count
        self.high_position = position
        if event.occurred_at < self.first_at:
            self.first_at, self.first_position = event.occurred_at, position
        last_at = event.last_at or event.occurred_at
        if last_at > self.last_at:
            self.last_at, self.last_position = last_at, position
        if isinstance(event, KeyUsed):
            self.error_count += event.error_count
