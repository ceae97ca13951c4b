"""Events are stored for ever: their bytes are pinned by tests/golden/events.txt.

A line of it is a topic, a shape and the state in hexadecimal digits. An `old` state ends before the fields
that have a default, as one written before they were added would; `before` is a full one of the time before a
field was added. A new kind adds lines; a new field makes the line that was full one of `before`, and no line
goes away.
"""

from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding import EventMapper, StreamEvent, decode, encode
from ledger.errors import LedgerCorrupt, UnknownTopic
from ledger.event_types import EVENT_TYPES
from ledger.events import Authentication, Event, KeyUsed, MemberAdded, UseDetails
from tests.golden.samples import ACTOR, BARE, BEFORE, FULL, KEY, ORGANIZATION

GOLDEN = Path(__file__).parents[1] / "golden" / "events.txt"
SAMPLES = {"full": FULL, "bare": BARE, "old": BARE, "before": BEFORE}
KINDS = {kind.topic: kind for kind in EVENT_TYPES}


def golden_lines() -> list[tuple[str, str, bytes]]:
    lines = [line.split() for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    return [(topic, shape, bytes.fromhex(state)) for topic, shape, state in lines]


def sample(topic: str, shape: str) -> Event:
    (found,) = (event for event in SAMPLES[shape] if event.topic == topic)
    return found


def golden(*shapes: str) -> list[object]:
    lines = (line for line in golden_lines() if line[1] in shapes)
    return [pytest.param(*line, id=f"{line[0]}-{line[1]}") for line in lines]


@pytest.mark.parametrize(("topic", "shape", "state"), golden("full", "bare"))
def test_an_event_is_stored_in_exactly_these_bytes(topic: str, shape: str, state: bytes) -> None:
    assert encode(sample(topic, shape)).hex() == state.hex()


@pytest.mark.parametrize(("topic", "shape", "state"), golden("full", "bare", "old", "before"))
def test_stored_bytes_of_every_age_give_the_same_event(topic: str, shape: str, state: bytes) -> None:
    decoded = decode(topic, state)

    assert type(decoded) is KINDS[topic]
    assert decoded == sample(topic, shape)


def test_every_kind_of_event_is_pinned_in_every_shape() -> None:
    pinned = [(topic, shape) for topic, shape, _ in golden_lines()]

    assert [each for each in pinned if each[1] != "before"] == [
        (kind.topic, shape) for kind in EVENT_TYPES for shape in ("full", "bare", "old")
    ]
    assert [topic for topic, shape in pinned if shape == "before"] == [event.topic for event in BEFORE]


def test_the_full_samples_leave_no_field_at_its_default() -> None:
    for event in FULL:
        left = [
            field.name
            for field in msgspec.structs.fields(event)
            if getattr(event, field.name) in (None, (), field.default)
        ]
        assert (event.topic, left) == (event.topic, [])


def test_an_old_state_ends_before_the_first_field_with_a_default() -> None:
    for topic, shape, state in golden_lines():
        if shape == "old":
            required = [field for field in msgspec.structs.fields(KINDS[topic]) if field.required]
            assert (topic, len(msgspec.msgpack.decode(state))) == (topic, len(required))


def test_required_fields_come_before_those_with_a_default() -> None:
    for kind in EVENT_TYPES:
        required = [field.required for field in msgspec.structs.fields(kind)]
        assert (kind.topic, required) == (kind.topic, sorted(required, reverse=True))


def test_topics_are_unique_and_end_in_a_version() -> None:
    topics = [kind.topic for kind in EVENT_TYPES]

    assert len(set(topics)) == len(topics)
    assert all(topic.rpartition("/")[2].isdecimal() for topic in topics)


def test_personal_details_of_an_older_shape_still_decode() -> None:
    # given a use and a member whose details were stored before their last fields were added
    use = [1, 2, ORGANIZATION, ACTOR, Authentication.KEY, KEY, "payments", None, None, ["192.0.2.7"]]
    member = [1, 2, ORGANIZATION, ACTOR, Authentication.KEY, KEY, "admin", ["zoe@example.com"]]

    used = decode(KeyUsed.topic, msgspec.msgpack.encode(use))
    added = decode(MemberAdded.topic, msgspec.msgpack.encode(member))

    assert isinstance(used, KeyUsed)
    assert used.personal == UseDetails("192.0.2.7", None)
    assert isinstance(added, MemberAdded)
    assert added.personal.login is None


def test_a_field_that_a_newer_version_added_is_passed_over() -> None:
    state = msgspec.msgpack.encode([*msgspec.structs.astuple(FULL[-1]), "added later"])

    assert decode(FULL[-1].topic, state) == FULL[-1]


def test_a_topic_of_a_newer_version_is_named_and_the_remedy_told() -> None:
    with pytest.raises(UnknownTopic, match=r"'key-used/2'.*upgrade keyledger"):
        decode("key-used/2", encode(BARE[0]))


@pytest.mark.parametrize("state", [b"", b"\xc1", b"{}", encode(FULL[0])[:-1], encode(FULL[-1])])
def test_a_state_that_is_not_its_topics_is_an_integrity_failure(state: bytes) -> None:
    with pytest.raises(LedgerCorrupt, match="organization-created/1"):
        decode("organization-created/1", state)


def test_the_mapper_keeps_place_and_event(subtests: pytest.Subtests) -> None:
    mapper = EventMapper()
    for event in FULL:
        with subtests.test(event.topic):
            placed = StreamEvent(UUID(bytes=KEY), 7, event)

            stored = mapper.to_stored_event(placed)

            assert stored.topic == event.topic
            assert mapper.to_domain_event(stored) == placed


@given(
    st.integers(0, 2**53),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(1, 10**9),
)
def test_any_use_survives_its_encoding(at: int, service: str, caller: str | None, count: int) -> None:
    details = UseDetails(source_ip=caller)
    event = KeyUsed(
        at, at, ORGANIZATION, None, Authentication.KEY, KEY, service, caller, None, details, count
    )

    assert decode(event.topic, encode(event)) == event
