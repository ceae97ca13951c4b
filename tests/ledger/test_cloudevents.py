import json

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from ledger.cloudevents import cloud_event
from ledger.events import Event, KeyRevoked, KeyUsed, MemberAdded
from ledger.ids import format_id
from ledger.recorded import Recorded, readable
from tests.golden.samples import BARE, FULL, KEY


def sample(kind: type[Event]) -> Recorded:
    return Recorded(7, KEY, 2, next(event for event in FULL if isinstance(event, kind)))


@pytest.mark.parametrize("event", [*FULL, *BARE])
def test_every_event_is_a_cloud_event_to_those_who_define_them(event: Event) -> None:
    recorded = Recorded(7, KEY, 2, event)

    read = JSONFormat().read(CloudEvent, json.dumps(cloud_event(recorded)))

    assert read.get_specversion() == "1.0"
    assert read.get_type() == f"keyledger.{event.topic}"
    assert read.get_source() == f"urn:uuid:{format_id(event.organization_id)}"
    assert read.get_datacontenttype() == "application/json"
    assert read.get_data() == readable(recorded)


def test_two_events_of_one_stream_have_ids_of_their_own() -> None:
    event = sample(KeyRevoked).event

    ids = [
        cloud_event(Recorded(position, KEY, version, event))["id"] for position, version in ((7, 2), (9, 3))
    ]

    assert ids == [f"{format_id(KEY)}/2", f"{format_id(KEY)}/3"]


def test_the_sequence_sorts_as_text_like_the_positions_and_gives_them_back() -> None:
    event = sample(KeyUsed).event
    positions = [1, 9, 10, 2**31, 2**63 - 1]

    sequences = [cloud_event(Recorded(at, KEY, 1, event))["sequence"] for at in positions]

    assert sorted(sequences) == sequences
    assert [int(sequence) for sequence in sequences] == positions


def test_the_subject_is_the_key_or_the_member_or_else_the_stream() -> None:
    used, added, revoked = sample(KeyUsed), sample(MemberAdded), sample(KeyRevoked)

    assert cloud_event(used)["subject"] == format_id(used.event.key_id)  # type: ignore[attr-defined]
    assert cloud_event(added)["subject"] == format_id(added.event.member_id)  # type: ignore[attr-defined]
    assert cloud_event(revoked)["subject"] == format_id(KEY)
