from datetime import timedelta

import pytest

from ledger.errors import InvalidInput, NotAllowed
from ledger.events import CoverageReported, Role
from ledger.moments import MICROSECOND
from ledger.usage import FUTURE_TOLERANCE
from tests.world import START, World

HOUR = timedelta(hours=1) // MICROSECOND
AHEAD = FUTURE_TOLERANCE // MICROSECOND


def test_a_heartbeat_is_an_event_that_speaks_of_the_keys_minted_here(world: World) -> None:
    assert world.ledger.report_coverage(world.org, world.admin, "gateway", START - HOUR, START)

    (event,) = world.told(CoverageReported)
    assert (event.reporter, event.covers_from, event.covers_to) == ("gateway", START - HOUR, START)
    assert (event.source, event.account) == ("keyledger", None)
    assert (event.actor_id, event.occurred_at, event.recorded_at) == (world.admin.id, START, START)


def test_the_same_heartbeat_again_is_known_already(world: World) -> None:
    world.ledger.report_coverage(world.org, world.admin, "gateway", START - HOUR, START)
    world.clock.advance(timedelta(hours=1))

    assert not world.ledger.report_coverage(world.org, world.admin, "gateway", START - HOUR, START)

    assert len(world.told(CoverageReported)) == 1


def test_a_heartbeat_may_be_ahead_by_what_clocks_may_differ_and_no_more(world: World) -> None:
    world.ledger.report_coverage(world.org, world.admin, "gateway", START, START + AHEAD)

    with pytest.raises(InvalidInput, match="is in the future"):
        world.ledger.report_coverage(world.org, world.admin, "gateway", START, START + AHEAD + 1)

    assert len(world.told(CoverageReported)) == 1


@pytest.mark.parametrize(
    ("reporter", "start", "end", "reason"),
    [
        ("", 0, 1, "needs the name of its reporter"),
        (" ", 0, 1, "needs the name of its reporter"),
        ("gate\nway", 0, 1, "needs the name of its reporter"),
        ("g" * 513, 0, 1, "513 characters; 512 is the most"),
        ("gateway", 2, 1, "cannot be; give a beginning"),
        ("gateway", -1, 1, "from 1970 on"),
    ],
    ids=["empty", "blank", "split", "long", "backwards", "ancient"],
)
def test_a_heartbeat_that_cannot_be_is_refused(
    world: World, reporter: str, start: int, end: int, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        world.ledger.report_coverage(world.org, world.admin, reporter, start, end)

    assert not world.told(CoverageReported)


def test_a_heartbeat_without_the_role_is_refused(world: World) -> None:
    bob = world.member("bob@example.com", Role.MEMBER)

    with pytest.raises(NotAllowed, match="record uses"):
        world.ledger.report_coverage(world.reload(), bob, "gateway", START, START)
