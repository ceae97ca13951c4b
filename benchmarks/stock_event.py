"""A use as the stock library would have it: a dataclass, stored as JSON by the library's mapper."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import DatetimeAsISO, JSONTranscoder, Mapper, UUIDAsHex

from benchmarks.subject import Subject
from ledger.usage import Use

_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class StockUse(DomainEvent):
    """The same fields as a KeyUsed."""

    recorded_at: datetime
    organization_id: UUID
    actor_id: UUID
    authentication: int
    key_id: UUID
    service: str
    caller: str | None
    reporter: str | None
    source_ip: str | None
    user_agent: str | None
    count: int
    error_count: int
    last_at: datetime | None


def stock_mapper() -> Mapper[UUID]:
    """The mapper that an application of the stock library has."""
    transcoder = JSONTranscoder()
    transcoder.register(UUIDAsHex())
    transcoder.register(DatetimeAsISO())
    return Mapper(transcoder)


def stock_use(use: Use, subject: Subject) -> StockUse:
    """What the ledger would store of a use, as an event of the stock library."""
    at = datetime.fromtimestamp(use.occurred_at / _MICROSECONDS, UTC)
    return StockUse(
        originator_id=UUID(bytes=subject.stream_id(use)),
        originator_version=1,
        timestamp=at,
        recorded_at=at,
        organization_id=UUID(bytes=subject.organization.id),
        actor_id=UUID(bytes=subject.actor.id),
        authentication=int(subject.actor.authentication),
        key_id=UUID(bytes=subject.key_id(use)),
        service=use.service,
        caller=use.caller,
        reporter=use.reporter,
        source_ip=use.source_ip,
        user_agent=use.user_agent,
        count=use.count,
        error_count=use.error_count,
        last_at=None,
    )
