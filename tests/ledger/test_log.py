import pytest

from ledger.errors import NotFound
from ledger.events import Authentication, MemberDetails
from ledger.log import STRETCH_SIZE, check_since, last_position, stretches
from ledger.usage import Use
from tests.world import START, World


def positions(world: World, since: int, until: int) -> list[int]:
    found = stretches(world.database, world.org.id, since, until)
    return [recorded.position for stretch in found for recorded in stretch.found]


def test_every_event_after_a_position_comes_once_in_order_however_many(world: World) -> None:
    key = world.create()
    world.record(Use(key.id, "payments", START) for _ in range(2 * STRETCH_SIZE))
    last = last_position(world.database)

    assert last == 3 + 2 * STRETCH_SIZE
    assert positions(world, 0, last) == list(range(1, last + 1))
    assert positions(world, 2, STRETCH_SIZE + 7) == list(range(3, STRETCH_SIZE + 8))
    assert positions(world, last, last) == []


def test_a_stretch_without_events_of_the_organization_still_moves_on(world: World) -> None:
    founder = MemberDetails("eve@example.com")
    other = world.ledger.create_organization("other", founder, Authentication.CLAIMED)

    (stretch,) = stretches(world.database, other.id, 0, 2)

    assert (stretch.end, stretch.found) == (2, [])
    assert positions(world, 0, 4) == [1, 2]


def test_a_position_that_the_ledger_has_not_come_to_is_refused(world: World) -> None:
    check_since(world.database, 2)

    with pytest.raises(NotFound, match=r"no position 3 .* last is 2"):
        check_since(world.database, 3)
