import json
from collections.abc import Iterable

import pytest

from ledger.errors import NotFound
from ledger.events import Authentication, Event, KeyCreated, MemberDetails
from ledger.recorded import Recorded, event_at, readable
from tests.golden.samples import BARE, FULL, KEY
from tests.world import World


def leaves(value: object) -> Iterable[object]:
    match value:
        case dict():
            for inner in value.values():
                yield from leaves(inner)
        case list():
            for inner in value:
                yield from leaves(inner)
        case _:
            yield value


@pytest.mark.parametrize("event", [*FULL, *BARE])
def test_every_event_can_be_read_as_json(event: Event) -> None:
    shown = readable(Recorded(7, KEY, 1, event))

    assert json.loads(json.dumps(shown)) == shown
    assert list(shown)[:4] == ["position", "topic", "stream_id", "version"]
    assert shown["topic"] == event.topic
    # Moments are far larger than any count: one that was left a number would show here.
    assert all(leaf < 10**9 for leaf in leaves(shown) if isinstance(leaf, int))


def test_an_event_is_found_by_its_position(world: World) -> None:
    created = world.create("billing")

    recorded = event_at(world.database, world.org.id, 3)

    assert (recorded.position, recorded.version, recorded.stream_id) == (3, 1, created.id)
    assert isinstance(recorded.event, KeyCreated)
    assert readable(recorded)["occurred_at"] == "2024-03-01T12:00:00Z"
    assert readable(recorded)["authentication"] == "claimed"


@pytest.mark.parametrize("position", [0, -1, 3, 2**70])
def test_where_there_is_no_event_the_last_position_is_told(world: World, position: int) -> None:
    with pytest.raises(NotFound, match="last is 2"):
        event_at(world.database, world.org.id, position)


def test_an_organization_is_not_shown_the_events_of_another(world: World) -> None:
    other = world.ledger.create_organization(
        "other", MemberDetails("eve@example.com"), Authentication.CLAIMED
    )

    with pytest.raises(NotFound, match="another organization"):
        event_at(world.database, other.id, 2)

    assert event_at(world.database, other.id, 3).event.organization_id == other.id
