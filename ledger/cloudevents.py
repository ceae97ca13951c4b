"""Events as CloudEvents 1.0 in JSON, for the routers and security tools that take those.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from typing import Any

from ledger.ids import format_id
from ledger.moments import format_moment
from ledger.recorded import Recorded, readable

SPEC_VERSION = "1.0"
TYPE_PREFIX = "keyledger."

_SEQUENCE_DIGITS = 19


def cloud_event(recorded: Recorded) -> dict[str, Any]:
    """The event in its envelope; `data` is what `readable` gives.

    `source` and `id` name the event: its organization, and its stream and version there; positions are given
    anew after a restore. `sequence` (an extension that the specification documents) is the position, with
    zeros before it, as its texts have to sort.
    """
    event = recorded.event
    return {
        "specversion": SPEC_VERSION,
        "id": f"{format_id(recorded.stream_id)}/{recorded.version}",
        "source": f"urn:uuid:{format_id(event.organization_id)}",
        "type": TYPE_PREFIX + event.topic,
        "time": format_moment(event.occurred_at),
        "subject": format_id(_subject_id(recorded)),
        "sequence": f"{recorded.position:0{_SEQUENCE_DIGITS}}",
        "datacontenttype": "application/json",
        "data": readable(recorded),
    }


def _subject_id(recorded: Recorded) -> bytes:
    """Whom it is about: the key or member that it names, else what its stream is."""
    event = recorded.event
    named = getattr(event, "key_id", None) or getattr(event, "member_id", None)
    return named if isinstance(named, bytes) else recorded.stream_id
