"""`keyledger.history/1`: what happened to a key, in order."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from ledger.ids import format_id
from ledger.recorded import Recorded, readable
from projections.people import People


class HistoryDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The events of a key: as `keyledger.event/1` has them, with the names of who acted."""

    schema: Literal["keyledger.history/1"] = "keyledger.history/1"
    organization: str
    position: int
    key_id: str
    events: list[dict[str, Any]]


def history_document(
    organization: str, position: int, key_id: bytes, story: Iterable[Recorded], people: People
) -> HistoryDocument:
    """The document of what happened to a key."""
    return HistoryDocument(
        organization=organization,
        position=position,
        key_id=format_id(key_id),
        events=[_event(recorded, people) for recorded in story],
    )


def _event(recorded: Recorded, people: People) -> dict[str, Any]:
    named = {"actor": people.name(recorded.event.actor_id)}
    if claimed := people.claimed(recorded.event):
        named["on_behalf_of"] = claimed
    return {**readable(recorded), **named}
