"""A key as the read side knows it: the row that lists print and audit rules judge."""

from datetime import timedelta

import msgspec

from ledger.api_key import denial
from ledger.events import DenialReason, KeyKind, KeyState
from ledger.moments import MICROSECOND
from projections.marks import NO_MARKS, Marks
from projections.pause import Pause
from projections.reporter import Reporter

MINTED_HERE = "keyledger"


class CallerUse(msgspec.Struct, frozen=True, gc=False):
    """The uses of a key by one caller (None: unknown) of one service."""

    service: str
    caller: str | None
    count: int
    error_count: int
    first_at: int
    last_at: int
    first_position: int
    last_position: int


class AddressUse(msgspec.Struct, frozen=True, gc=False):
    """The uses of a key from one address."""

    source_ip: str
    count: int
    first_at: int
    last_at: int
    last_position: int


class Denial(msgspec.Struct, frozen=True, gc=False):
    """The refusals of a key for one reason to one caller (None: unknown)."""

    reason: DenialReason
    service: str
    caller: str | None
    count: int
    first_at: int
    last_at: int
    last_position: int


class KeyRecord(msgspec.Struct, frozen=True):
    """All that is known of one key at a moment.

    Moments are microseconds since 1970 in UTC; None is unknown (or never). Positions cite the events that
    show a fact. `covered` holds the periods, merged and in order, in which every use of this key was told.
    `reporters` are those that see a part each of the uses of keys minted here; of other keys there are none.
    `last_used_at` is the later of what events and what summaries say; `use_count` is None where a summary
    alone says that the key was used.
    `summary_position` cites the summary that tells the last use, or silence until the latest moment where
    none tells a use; `summarized_from` is the earliest use that any of them tells. `pauses` are those that
    were asked for.
    """

    id: bytes
    name: str
    kind: KeyKind
    source: str
    state: KeyState
    known_since: int
    external_id: str | None = None
    account: str | None = None
    masked: str | None = None
    owner: str | None = None
    owner_departed_at: int | None = None
    scopes: tuple[str, ...] = ()
    created_at: int | None = None
    created_by: str | None = None
    expires_at: int | None = None
    disabled_at: int | None = None
    revoked_at: int | None = None
    rotated_at: int | None = None
    overlap_ends_at: int | None = None
    successor_id: bytes | None = None
    created_position: int | None = None
    state_position: int | None = None
    rotated_position: int | None = None
    revoked_position: int | None = None
    owner_position: int | None = None
    owner_departed_position: int | None = None
    expiry_position: int | None = None
    inventory_position: int | None = None
    summary_position: int | None = None
    summarized_from: int | None = None
    summarized_from_position: int | None = None
    first_used_at: int | None = None
    last_used_at: int | None = None
    use_count: int | None = 0
    error_count: int = 0
    uses: tuple[CallerUse, ...] = ()
    addresses: tuple[AddressUse, ...] = ()
    denials: tuple[Denial, ...] = ()
    covered: tuple[tuple[int, int], ...] = ()
    marks: Marks = NO_MARKS
    reporters: tuple[Reporter, ...] = ()
    pauses: tuple[Pause, ...] = ()

    @property
    def owner_departed(self) -> bool:
        """Whether the owner was a member and no longer is."""
        return self.owner_departed_at is not None

    @property
    def is_minted_here(self) -> bool:
        """Whether keyledger itself made the key and so sees each check of it."""
        return self.source == MINTED_HERE

    @property
    def known_positions(self) -> tuple[int | None, ...]:
        """What shows since when the key exists: its creation, else its first uses and what sources said."""
        if self.created_position is not None:
            return (self.created_position,)
        first = (use.first_position for use in self.uses if use.first_at == self.first_used_at)
        return (*first, self.state_position, self.summary_position)

    @property
    def services(self) -> list[str]:
        """What was called with the key, sorted."""
        return sorted({use.service for use in self.uses})

    def status(self, as_of: int) -> str:
        """`active`, `disabled`, `revoked` or `expired` (its expiry or its overlap is over)."""
        return status_of(self.state, self.expires_at, self.overlap_ends_at, as_of)

    def age(self, as_of: int) -> timedelta | None:
        """The time since creation; None where that is unknown."""
        return None if self.created_at is None else (as_of - self.created_at) * MICROSECOND

    def idle(self, as_of: int) -> timedelta | None:
        """The time since the later of last use and creation; None where neither is known."""
        latest = max((at for at in (self.last_used_at, self.created_at) if at is not None), default=None)
        return None if latest is None else (as_of - latest) * MICROSECOND


def status_of(state: KeyState, expires_at: int | None, overlap_ends_at: int | None, as_of: int) -> str:
    """How lists call the state of a key at a moment."""
    return "expired" if denial(state, expires_at, overlap_ends_at, as_of) in _OVER else state


_OVER = (DenialReason.EXPIRED, DenialReason.ROTATED)
