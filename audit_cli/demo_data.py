"""A realistic organization for demonstrations, written through the ledger's own commands; seeded."""

from datetime import timedelta

from audit_cli.demo_names import LEAVERS, MEMBERS, SECOND_ADMIN
from audit_cli.demo_simulation import Simulation
from audit_cli.demo_stories import deal
from audit_cli.demo_traffic import DAY, HOUR, WEEK
from ledger.database import Database
from ledger.events import Role
from ledger.moments import parse_moment
from ledger.organization import Organization
from ledger.schema import create_schema

DEFAULT_END = parse_moment("2025-06-01")

_MANY_KEYS = 300
_VERY_MANY_KEYS = 3000


def build(
    database: Database, keys: int = 60, days: int = 730, seed: int = 7, end: int = DEFAULT_END
) -> Organization:
    """Fill an empty database with an organization of that many keys and days of use up to `end`.

    The same arguments give the same events, byte for byte. Raises what `create_schema` raises.
    """
    create_schema(database)
    simulation = Simulation(database, days, seed, end, _coarseness(keys))
    _staff(simulation)
    for story in deal(keys):
        story.tell(simulation)
    return simulation.run()


def _staff(simulation: Simulation) -> None:
    """Everybody is there from the first day on; some leave before the last."""
    simulation.add_member(SECOND_ADMIN, Role.ADMIN, simulation.start)
    for email in (*MEMBERS, *LEAVERS):
        simulation.add_member(email, Role.MEMBER, simulation.start)
    for number, email in enumerate(LEAVERS):
        simulation.remove_member(email, simulation.ago(30 + 10 * number))


def _coarseness(keys: int) -> timedelta:
    if keys <= _MANY_KEYS:
        return HOUR
    return DAY if keys <= _VERY_MANY_KEYS else WEEK
