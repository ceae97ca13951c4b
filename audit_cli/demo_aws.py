"""The lives of the demonstration's keys that AWS minted: what its logs and credential reports say of them."""

from audit_cli.demo_names import AWS_ACCOUNT
from audit_cli.demo_simulation import Simulation
from audit_cli.demo_traffic import DAY_US, HOUR, WEEK
from ledger.events import KeyKind, KeyState
from ledger.moments import MICROSECOND, format_moment, parse_moment
from ledger.observation import ExternalKey, Observation, UsageSummary

# Before this day AWS did not record the use of access keys.
_AWS_TRACKING_FROM = parse_moment("2015-04-22")
_BEFORE_TRACKING = parse_moment("2014-11-03T09:12:44Z")


def busy(sim: Simulation) -> None:
    """Seen in CloudTrail and, as a slot, in a credential report: two names of one key."""
    user, created_at = sim.names.workload(), sim.between(150, 300)
    access_key = ExternalKey("aws", sim.names.access_key_id("AKIA"), account=AWS_ACCOUNT)
    created = Observation(access_key, created_at, "cloudtrail", KeyState.ACTIVE, created_at, owner=user)
    sim.imported += [
        created,
        *sim.traffic.uses(access_key, sim.names.aws_caller(), created_at, _imported_at(sim)),
    ]
    _in_credential_report(sim, user, created_at, last_used_at=_imported_at(sim) - DAY_US)
    session = ExternalKey("aws", sim.names.access_key_id("ASIA"), KeyKind.TEMPORARY, AWS_ACCOUNT)
    day = _imported_at(sim) - DAY_US // 2
    sim.imported += sim.traffic.uses(session, sim.names.aws_caller(), max(day, sim.start), _imported_at(sim))


def unused(sim: Simulation) -> None:
    user, created_at = sim.names.workload(), sim.between(310, 600)
    access_key = ExternalKey("aws", sim.names.access_key_id("AKIA"), account=AWS_ACCOUNT)
    stopped_at = sim.between(60, 280, created_at)
    created = Observation(access_key, created_at, "cloudtrail", KeyState.ACTIVE, created_at, owner=user)
    uses = sim.traffic.uses(access_key, sim.names.aws_caller(), created_at, stopped_at, every=WEEK)
    sim.imported += [created, *uses]


def unregistered(sim: Simulation) -> None:
    """Seen in CloudTrail only: no credential report lists it."""
    access_key = ExternalKey("aws", sim.names.access_key_id("AKIA"), account=AWS_ACCOUNT)
    sim.imported += sim.traffic.uses(
        access_key, sim.names.aws_caller(), sim.between(10, 20), _imported_at(sim)
    )


def never_used(sim: Simulation) -> None:
    _in_credential_report(sim, sim.names.workload(), sim.between(50, 400), last_used_at=None)


def no_data(sim: Simulation) -> None:
    _in_credential_report(sim, sim.names.workload(), _BEFORE_TRACKING, last_used_at=None)


def deleted(sim: Simulation) -> None:
    user, created_at = sim.names.workload(), sim.between(200, 500)
    access_key = ExternalKey("aws", sim.names.access_key_id("AKIA"), account=AWS_ACCOUNT)
    deleted_at = sim.between(30, 180, created_at)
    states = ((created_at, KeyState.ACTIVE), (deleted_at, KeyState.REVOKED))
    sim.imported += [
        *(Observation(access_key, at, "cloudtrail", state, created_at, owner=user) for at, state in states),
        *sim.traffic.uses(access_key, sim.names.aws_caller(), created_at, deleted_at, every=WEEK),
    ]


def _in_credential_report(sim: Simulation, user: str, created_at: int, last_used_at: int | None) -> None:
    at = _imported_at(sim)
    slot = ExternalKey(
        "aws",
        f"arn:aws:iam::{AWS_ACCOUNT}:user/{user}/1",
        account=AWS_ACCOUNT,
        generation=format_moment(created_at),
    )
    sim.imported += [
        Observation(slot, at, "iam-credential-report", KeyState.ACTIVE, created_at, owner=user),
        UsageSummary(slot, at, "iam-credential-report", _AWS_TRACKING_FROM, at, last_used_at=last_used_at),
    ]


def _imported_at(sim: Simulation) -> int:
    return sim.end - 2 * HOUR // MICROSECOND
