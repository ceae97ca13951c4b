"""The form in which events are stored: topic and msgpack state, and eventsourcing's mapper to them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from ledger.errors import LedgerCorrupt, UnknownTopic
from ledger.event_types import EVENT_TYPES
from ledger.events import Event

encode: Callable[[Event], bytes] = msgspec.msgpack.Encoder().encode

_DECODERS: dict[str, Callable[[bytes], Event]] = {
    kind.topic: msgspec.msgpack.Decoder(kind).decode for kind in EVENT_TYPES
}


def decode(topic: str, state: bytes) -> Event:
    """The event that a row holds.

    Raises UnknownTopic for a topic of a newer version, LedgerCorrupt for a state that is not the topic's.
    """
    decoder = _DECODERS.get(topic)
    if decoder is None:
        raise UnknownTopic(
            f"the ledger holds an event of the kind {topic!r}, which this keyledger does not know;"
            " upgrade keyledger to the version that wrote it"
        )
    try:
        return decoder(state)
    except msgspec.MsgspecError as error:
        raise LedgerCorrupt(f"an event of the kind {topic!r} cannot be decoded: {error}") from None


class StreamEvent(msgspec.Struct, frozen=True):
    """An event at its place in its stream: eventsourcing's domain event."""

    originator_id: UUID
    originator_version: int
    event: Event


class EventMapper(Mapper[UUID]):
    """Stores a StreamEvent's place in the row and only the event itself in the state."""

    def __init__(self) -> None:
        super().__init__(JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Encode the event of a StreamEvent."""
        event: Any = domain_event
        return StoredEvent(
            originator_id=event.originator_id,
            originator_version=event.originator_version,
            topic=event.event.topic,
            state=encode(event.event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> StreamEvent:
        """Decode a row into a StreamEvent."""
        originator_id = stored_event.originator_id
        return StreamEvent(
            originator_id=originator_id if isinstance(originator_id, UUID) else UUID(originator_id),
            originator_version=stored_event.originator_version,
            event=decode(stored_event.topic, stored_event.state),
        )
