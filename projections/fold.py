"""What a stretch of events means for the read side's rows: accumulated, one change a row and not an event."""

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec

from ledger.events import (
    CoverageReported,
    Event,
    KeyLinked,
    KeyObserved,
    KeyUsageSummarized,
    KeyUsed,
    KeyUseDenied,
    MemberAdded,
    MemberRemoved,
    MemberRoleChanged,
)
from projections.key_row import KeyFact

if TYPE_CHECKING:
    from projections.members import MemberFact

DAY_US = 86_400_000_000

E = TypeVar("E", bound=Event)
Group: TypeAlias = tuple[object, ...]


class Span(NamedTuple):
    """What one event adds to a tally."""

    use_count: int
    error_count: int
    first_at: int
    last_at: int


class Tally(msgspec.Struct):
    """A group of uses: how many, and its ends in time with the positions of the events that show them."""

    use_count: int
    error_count: int
    first_at: int
    last_at: int
    first_position: int
    last_position: int
    low_position: int
    high_position: int


class Placed(msgspec.Struct, Generic[E], frozen=True):
    """An event with its place in the ledger."""

    position: int
    stream_id: bytes
    event: E


class Batch:
    """The accumulated meaning of some events, in the shapes of the tables that it changes."""

    def __init__(self) -> None:
        self.usage: dict[Group, Tally] = {}
        self.days: dict[Group, Tally] = {}
        self.addresses: dict[Group, Tally] = {}
        self.denials: dict[Group, Tally] = {}
        self.key_facts: list[Placed[KeyFact]] = []
        self.members: list[Placed[MemberFact]] = []
        self.links: list[Placed[KeyLinked]] = []
        self.summaries: list[Placed[KeyUsageSummarized]] = []
        self.coverage: list[Placed[CoverageReported]] = []
        self.timeline: list[tuple[bytes, int]] = []
        self.latest_at = 0

    def take(self, position: int, stream_id: bytes, event: Event) -> None:
        """Add one event; positions come in rising order."""
        self.latest_at = max(self.latest_at, event.occurred_at)
        match event:
            case KeyUsed():
                self._take_use(position, event)
            case KeyUseDenied():
                self._take_denial(position, event)
            case KeyLinked():
                self.links.append(Placed(position, stream_id, event))
                self.timeline.append((event.key_id, position))
            case KeyUsageSummarized():
                self.summaries.append(Placed(position, stream_id, event))
                self.timeline.append((event.key_id, position))
            case CoverageReported():
                self.coverage.append(Placed(position, stream_id, event))
            case MemberAdded() | MemberRoleChanged() | MemberRemoved():
                self.members.append(Placed(position, stream_id, event))
            case _ if isinstance(event, KeyFact):
                self.key_facts.append(Placed(position, stream_id, event))
                key_id = event.key_id if isinstance(event, KeyObserved) else stream_id
                self.timeline.append((key_id, position))
            case _:
                pass  # an organization's name is the write side's own index

    def _take_use(self, position: int, event: KeyUsed) -> None:
        first_at, last_at = event.occurred_at, event.last_at or event.occurred_at
        self.latest_at = max(self.latest_at, last_at)
        span = Span(event.count, event.error_count, first_at, last_at)
        _add(self.usage, (event.key_id, event.service, event.caller or ""), position, span)
        if event.personal is not None and event.personal.source_ip is not None:
            _add(self.addresses, (event.key_id, event.personal.source_ip), position, span)
        first_day, last_day = first_at // DAY_US, last_at // DAY_US
        if first_day != last_day:
            # How the count spreads over the days is unknown: it stays with the first, and both ends are kept.
            _add(self.days, (event.key_id, last_day), position, Span(0, 0, last_at, last_at))
            span = Span(event.count, event.error_count, first_at, first_at)
        _add(self.days, (event.key_id, first_day), position, span)

    def _take_denial(self, position: int, event: KeyUseDenied) -> None:
        last_at = event.last_at or event.occurred_at
        self.latest_at = max(self.latest_at, last_at)
        group = (event.key_id, event.reason, event.service, event.caller or "")
        _add(self.denials, group, position, Span(event.count, 0, event.occurred_at, last_at))
        self.timeline.append((event.key_id, position))


def _add(tallies: dict[Group, Tally], group: Group, position: int, span: Span) -> None:
    tally = tallies.get(group)
    if tally is None:
        tallies[group] = Tally(*span, position, position, position, position)
        return
    tally.use_count += span.use_count
    tally.error_count += span.error_count
    tally.high_position = position
    if span.first_at < tally.first_at:
        tally.first_at, tally.first_position = span.first_at, position
    if span.last_at > tally.last_at:
        tally.last_at, tally.last_position = span.last_at, position
