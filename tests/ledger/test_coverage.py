from collections.abc import Iterable, Iterator
from datetime import timedelta

import pytest

from ledger.audit_events import ReporterRetired
from ledger.coverage import BEAT_EVERY, Heartbeat, heartbeat
from ledger.errors import InvalidInput, NotAllowed
from ledger.events import CoverageReported, Role
from ledger.intake import Flush
from ledger.moments import MICROSECOND
from ledger.observation import Coverage
from ledger.reporters import retire_reporter
from ledger.usage import FUTURE_TOLERANCE, Refusal, Use
from tests.world import START, World

HOUR = timedelta(hours=1) // MICROSECOND
TICK = timedelta(microseconds=1)
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


class Told:
    """What a stream of items declared, and which times it left out."""

    def __init__(self, world: World) -> None:
        self.clock = world.clock
        self.undeclared: list[tuple[int, int]] = []
        self.heartbeat = Heartbeat("gateway", world.clock, lambda *period: self.undeclared.append(period))

    def periods(self, items: Iterable[Use | Refusal | Flush | Coverage]) -> list[tuple[int, int]]:
        return [(each.covers_from, each.covers_to) for each in items if isinstance(each, Coverage)]


@pytest.fixture
def told(world: World) -> Told:
    return Told(world)


def use(at: int, last_at: int | None = None) -> Use:
    return Use(bytes(16), "pay", at, last_at=last_at, where=7)


def test_a_pipe_beats_where_all_was_read_and_no_more_often_than_it_should(told: Told) -> None:
    def pipe() -> Iterator[Use | Flush]:
        for pause in (BEAT_EVERY - TICK, TICK, timedelta(), BEAT_EVERY):
            told.clock.advance(pause)
            yield use(told.clock.at)
            yield Flush.NOW
        told.clock.advance(TICK)

    found = told.periods(told.heartbeat.beating(pipe()))

    beat = BEAT_EVERY // MICROSECOND
    assert found == [
        (START, START + beat),
        (START + beat, START + 2 * beat),
        (START + 2 * beat, START + 2 * beat + 1),
    ]


def test_a_pipe_that_is_never_read_to_its_end_does_not_beat(told: Told) -> None:
    items = told.heartbeat.beating(use(START) for _ in range(3))
    told.clock.advance(3 * BEAT_EVERY)

    assert not told.periods(next(items) for _ in range(3))


def test_a_heartbeat_follows_what_it_vouches_for_and_is_flushed(told: Told) -> None:
    items = list(told.heartbeat.beating([use(START)]))

    assert [type(item) for item in items] == [Use, Flush, Coverage, Flush]
    assert items[2] == heartbeat("gateway", START, START, where=7)


def test_time_in_which_something_was_refused_is_left_out_and_told(told: Told) -> None:
    def pipe() -> Iterator[Use | Flush]:
        told.clock.advance(BEAT_EVERY)
        yield Flush.NOW
        told.clock.advance(BEAT_EVERY)
        told.heartbeat.lose()
        yield Flush.NOW
        told.clock.advance(BEAT_EVERY)
        yield Flush.NOW

    found = told.periods(told.heartbeat.beating(pipe()))

    first, second, third = (START + n * BEAT_EVERY // MICROSECOND for n in (1, 2, 3))
    assert found == [(START, first), (second, third), (third, third)]
    assert told.undeclared == [(first, second)]


def test_a_clock_that_goes_back_declares_nothing(told: Told) -> None:
    def pipe() -> Iterator[Use | Flush]:
        told.clock.advance(-timedelta(hours=1))
        yield Flush.NOW

    assert told.periods(told.heartbeat.beating(pipe())) == []


def test_a_file_covers_the_time_from_its_first_use_to_its_last(told: Told) -> None:
    items = [use(START), use(START - 9, last_at=START + 5), use(START + 2)]

    assert told.periods(told.heartbeat.spanning(items)) == [(START - 9, START + 5)]
    assert told.periods(told.heartbeat.spanning([])) == []


def test_a_retired_reporter_is_recorded_with_the_reason(world: World) -> None:
    retire_reporter(world.ledger, world.org, world.admin, "gateway", " replaced ")

    (event,) = world.told(ReporterRetired)
    assert (event.reporter, event.reason, event.occurred_at) == ("gateway", "replaced", START)


def test_retiring_a_reporter_needs_the_role(world: World) -> None:
    bob = world.member("bob@example.com", Role.MEMBER)

    with pytest.raises(NotAllowed, match="retire reporters"):
        retire_reporter(world.ledger, world.reload(), bob, "gateway")
