"""What events other than uses mean for the rows: accumulated, one change a row and not an event."""

from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import msgspec

from ledger.audit_events import (
    FindingWaived,
    KeyConfirmed,
    KeyLeakReported,
    KeyWarned,
    ReporterRetired,
    WaiverWithdrawn,
)
from ledger.events import (
    CoverageReported,
    Event,
    KeyLinked,
    KeyObserved,
    KeyUsageSummarized,
    KeyUseDenied,
    MemberAdded,
    MemberRemoved,
    MemberRoleChanged,
)
from projections.key_row import KeyFact
from projections.tallies import Span, Tallies

if TYPE_CHECKING:
    from projections.members import MemberFact

E = TypeVar("E", bound=Event)
DenialGroup: TypeAlias = tuple[bytes, str, str, str]


class Placed(msgspec.Struct, Generic[E], frozen=True):
    """An event with its place in the ledger."""

    position: int
    stream_id: bytes
    event: E


class Batch:
    """The accumulated meaning of some events, in the shapes of the tables that it changes."""

    def __init__(self) -> None:
        self.denials: Tallies[DenialGroup] = Tallies()
        self.key_facts: list[Placed[KeyFact]] = []
        self.members: list[Placed[MemberFact]] = []
        self.links: list[Placed[KeyLinked]] = []
        self.summaries: list[Placed[KeyUsageSummarized]] = []
        self.coverage: list[Placed[CoverageReported]] = []
        self.retired: list[Placed[ReporterRetired]] = []
        self.marks: list[tuple[bytes, int]] = []
        self.timeline: list[tuple[bytes, int]] = []
        self.latest_at = 0

    def take(self, position: int, stream_id: bytes, event: Event) -> None:
        """Add one event that is no use; positions come in rising order."""
        self.latest_at = max(self.latest_at, event.occurred_at)
        match event:
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
            case ReporterRetired():
                self.retired.append(Placed(position, stream_id, event))
            case FindingWaived() | WaiverWithdrawn() | KeyLeakReported() | KeyConfirmed() | KeyWarned():
                self.marks.append((event.organization_id, position))
                self.timeline.append((event.key_id, position))
            case MemberAdded() | MemberRoleChanged() | MemberRemoved():
                self.members.append(Placed(position, stream_id, event))
            case _ if isinstance(event, KeyFact):
                self.key_facts.append(Placed(position, stream_id, event))
                key_id = event.key_id if isinstance(event, KeyObserved) else stream_id
                self.timeline.append((key_id, position))
            case _:
                pass  # an organization's name is the write side's own index

    def _take_denial(self, position: int, event: KeyUseDenied) -> None:
        last_at = event.last_at or event.occurred_at
        self.latest_at = max(self.latest_at, last_at)
        group = (event.key_id, event.reason.value, event.service, event.caller or "")
        self.denials.take([group], [Span(position, event.occurred_at, last_at, event.count, 0)])
        self.timeline.append((event.key_id, position))
