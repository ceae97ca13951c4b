"""The lives that keys lead in the demonstration: some healthy, and for each audit rule one that it finds."""

from collections.abc import Callable, Iterator
from itertools import cycle

import msgspec

from audit_cli import demo_aws
from audit_cli.demo_names import LEAVERS
from audit_cli.demo_simulation import PlannedKey, Simulation
from audit_cli.demo_traffic import DAY, DAY_US, HOUR, HOUR_US, WEEK
from ledger.moments import MICROSECOND, SECOND_US

_HALF_HOUR_US = HOUR_US // 2


class Story(msgspec.Struct, frozen=True):
    """A kind of life, how many keys it takes, and how often it is told among sixty keys."""

    tell: Callable[[Simulation], object]
    keys: int = 1
    often: int = 1


def deal(keys: int) -> Iterator[Story]:
    """The stories of that many keys: each once before any is told again."""
    most = max(story.often for story in CAST)
    order = [story for turn in range(most) for story in CAST if story.often > turn]
    left = keys
    for story in cycle(order):
        if left == 0:
            return
        if story.keys <= left:
            left -= story.keys
            yield story


def _busy(sim: Simulation) -> None:
    _worked(sim, sim.between(10, 85))


def _busiest(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(60, 85))
    sim.report(key, sim.names.caller(name), key.created_at, sim.end, every=HOUR)


def _aged(sim: Simulation) -> None:
    _worked(sim, sim.between(120, 720))


def _worked(sim: Simulation, created_at: int) -> PlannedKey:
    name = sim.names.workload()
    key = sim.create(name, created_at)
    sim.report(key, sim.names.caller(name), created_at, sim.end)
    return key


def _quiet(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(50, 85))
    caller = sim.names.caller(name)
    for at in range(key.created_at + DAY_US, sim.end, WEEK // MICROSECOND):
        sim.present(key, at, caller)


def _unused(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(330, 700))
    sim.report(key, sim.names.caller(name), key.created_at, sim.between(50, 300, key.created_at), every=WEEK)


def _never_used(sim: Simulation) -> None:
    sim.create(sim.names.workload(), sim.between(20, 85))


def _just_created(sim: Simulation) -> None:
    sim.create(sim.names.workload(), sim.between(0, 4))


def _shared(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(40, 85))
    for number in range(1, 5):
        sim.report(key, sim.names.caller(f"{name}-{number}"), key.created_at, sim.end, every=2 * DAY)


def _retired(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(310, 700))
    revoked_at = sim.between(60, 280, key.created_at)
    sim.report(key, sim.names.caller(name), key.created_at, revoked_at, every=2 * DAY)
    sim.revoke(key, revoked_at, "no longer needed")


def _still_presented(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(200, 400))
    caller = sim.names.caller(name)
    revoked_at = sim.between(8, 20, key.created_at)
    sim.report(key, caller, key.created_at, revoked_at, every=WEEK)
    sim.revoke(key, revoked_at, "found in a build log")
    nightly = sim.names.caller("nightly-cron")
    for midnight in range((revoked_at // DAY_US + 2) * DAY_US, sim.end, DAY_US):
        sim.present(key, midnight + sim.random.randrange(0, _HALF_HOUR_US, SECOND_US), nightly)
    # A client without a pause between its attempts: one minute holds them all.
    hammering = sim.end - 2 * DAY_US + 9 * HOUR_US
    for attempt in range(30 if hammering > revoked_at else 0):
        sim.present(key, hammering + attempt * SECOND_US, caller)


def _used_after_revocation(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(150, 300))
    caller = sim.names.caller(name)
    revoked_at = sim.between(18, 25, key.created_at)
    sim.report(key, caller, key.created_at, revoked_at, every=2 * DAY)
    sim.revoke(key, revoked_at, "its laptop was lost")
    # An edge site that remembers keys and tells of its uses when it has a connection.
    sim.report(key, sim.names.caller("edge-site-7"), revoked_at, revoked_at + 6 * DAY_US, late=10 * DAY)


def _disabled(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(150, 500))
    paused_at = sim.between(110, 140, key.created_at)
    resumed_at = sim.between(100, 105, paused_at)
    stopped_at = sim.between(20, 60, resumed_at)
    caller = sim.names.caller(name)
    sim.report(key, caller, key.created_at, paused_at, every=2 * DAY)
    sim.disable(key, paused_at, "maintenance")
    sim.enable(key, resumed_at)
    sim.report(key, caller, resumed_at, stopped_at, every=2 * DAY)
    sim.disable(key, stopped_at, "is anybody still using it?")


def _expired(sim: Simulation) -> None:
    name = sim.names.workload()
    created_at = sim.between(100, 180)
    expires_at = sim.between(10, 25, created_at)
    key = sim.create(name, created_at, expires_at=expires_at)
    caller = sim.names.caller(name)
    sim.report(key, caller, created_at, expires_at)
    for days in (1, 2):
        sim.present(key, expires_at + days * DAY_US, caller)


def _badly_named(sim: Simulation) -> None:
    key = sim.create(sim.names.vague(), sim.between(30, 85))
    sim.report(key, sim.names.caller("developer-laptop"), key.created_at, sim.end, every=3 * DAY)


def _dormant(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(320, 360))
    sim.report(key, sim.names.caller(name), key.created_at, sim.between(150, 200, key.created_at))
    sim.report(key, sim.names.caller("build-agent-12"), sim.between(2, 5), sim.end)


def _leaked(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(40, 80))
    sim.report(key, sim.names.caller(name), key.created_at, sim.end)
    sim.leak(key, sim.between(1, 3, key.created_at), "git@8f2c41d:deploy/values.yaml:31")


def _expiring(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(75, 85), expires_at=sim.end + 4 * DAY_US + 9 * HOUR_US)
    sim.report(key, sim.names.caller(name), key.created_at, sim.end)


def _used_before_creation(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(20, 40))
    # A till whose clock is three hours slow.
    till = sim.names.caller("till-3")
    sim.report(key, till, max(key.created_at - 3 * HOUR_US, sim.start), key.created_at)
    sim.report(key, till, key.created_at, sim.end, every=2 * DAY)


def _departed_owner(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(70, 85), owner=sim.random.choice(LEAVERS))
    sim.report(key, sim.names.caller(name), key.created_at, sim.end, every=2 * DAY)


def _rotated_cleanly(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(130, 170))
    caller = sim.names.caller(name)
    rotated_at = sim.between(40, 80, key.created_at)
    moved_at = rotated_at + 2 * DAY_US
    sim.report(key, caller, key.created_at, moved_at)
    successor = sim.rotate(key, rotated_at, WEEK)
    sim.report(successor, caller, moved_at, sim.end)
    if rotated_at + 8 * DAY_US < sim.end:
        sim.revoke(key, rotated_at + 8 * DAY_US, "rotated")


def _rotated_half_way(sim: Simulation) -> None:
    name = sim.names.workload()
    key = sim.create(name, sim.between(130, 170))
    moved, left_behind = sim.names.caller(name), sim.names.caller(f"{name}-legacy")
    rotated_at = sim.between(18, 24, key.created_at)
    moved_at = rotated_at + 3 * DAY_US
    sim.report(key, moved, key.created_at, moved_at)
    successor = sim.rotate(key, rotated_at, WEEK)
    sim.report(successor, moved, moved_at, sim.end)
    # One caller keeps the old key: a service that remembers it accepts it for a while, another refuses it.
    sim.report(key, left_behind, key.created_at, rotated_at + 9 * DAY_US, every=2 * DAY)
    for day in range(rotated_at + 8 * DAY_US, sim.end, 2 * DAY_US):
        sim.present(key, day + sim.random.randrange(0, _HALF_HOUR_US, SECOND_US), left_behind)


CAST: tuple[Story, ...] = (
    Story(_busiest),
    Story(_unused, often=4),
    Story(_never_used, often=3),
    Story(_aged, often=5),
    Story(_still_presented, often=2),
    Story(_shared, often=2),
    Story(_badly_named, often=3),
    Story(_rotated_half_way, keys=2, often=2),
    Story(_used_after_revocation),
    Story(demo_aws.no_data),
    Story(_departed_owner),
    Story(_dormant),
    Story(_leaked),
    Story(_expiring),
    Story(_used_before_creation),
    Story(demo_aws.unregistered),
    Story(_busy, often=7),
    Story(_quiet, often=5),
    Story(_just_created, often=2),
    Story(_rotated_cleanly, keys=2, often=4),
    Story(_retired, often=3),
    Story(_disabled, often=2),
    Story(_expired, often=2),
    Story(demo_aws.busy),
    Story(demo_aws.unused),
    Story(demo_aws.never_used),
    Story(demo_aws.deleted),
)
