"""An event as the ledger holds it."""

import msgspec

from ledger.events import Event


class Recorded(msgspec.Struct, frozen=True):
    """An event with its place in the ledger and in its stream."""

    position: int
    stream_id: bytes
    version: int
    event: Event
