"""Key records to judge: a minted key and one of AWS, both blameless until a test says otherwise."""

import msgspec

from ledger.events import DenialReason, KeyKind, KeyState
from ledger.ids import hashed_id
from ledger.moments import parse_moment
from projections.audit.policy import Policy
from projections.audit.rule import Verdict, context_of
from projections.audit.rules import find_rule
from projections.key_record import AddressUse, CallerUse, Denial, KeyRecord
from projections.marks import Leak, Marks
from projections.pause import Pause

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOW = parse_moment("2026-01-01T00:00:00Z")


def minted(**changes: object) -> KeyRecord:
    name = str(changes.get("name", "github-actions-prod"))
    record = KeyRecord(
        id=hashed_id("minted", name),
        name=name,
        kind=KeyKind.LONG_LIVED,
        source="keyledger",
        state=KeyState.ACTIVE,
        known_since=NOW - 10 * DAY,
        masked="kl_1a2B...9zY8",
        owner="ada@example.com",
        created_at=NOW - 10 * DAY,
        created_by="ada@example.com",
        created_position=1,
        first_used_at=NOW - HOUR,
        last_used_at=NOW - HOUR,
        use_count=1,
        uses=(use("deploy-bot", NOW - HOUR),),
    )
    return msgspec.structs.replace(record, **changes)


def aws(**changes: object) -> KeyRecord:
    external_id = str(changes.get("external_id", "AKIAIOSFODNN7EXAMPLE"))
    record = KeyRecord(
        id=hashed_id("aws", external_id),
        name=external_id,
        kind=KeyKind.LONG_LIVED,
        source="aws",
        state=KeyState.ACTIVE,
        known_since=NOW - DAY,
        external_id=external_id,
        owner="kaleb",
        created_at=NOW - 10 * DAY,
        created_position=1,
        inventory_position=1,
        summary_position=2,
        covered=((NOW - 1000 * DAY, NOW),),
    )
    return msgspec.structs.replace(record, **changes)


def unused_since(at: int, **changes: object) -> KeyRecord:
    """A key whose only use was at a moment."""
    created: dict[str, object] = {"created_at": at - DAY, "known_since": at - DAY}
    used = {"first_used_at": at, "last_used_at": at, "uses": (use("deploy-bot", at),)}
    return minted(**(created | used | changes))


def never_used(**changes: object) -> KeyRecord:
    unused: dict[str, object] = {"first_used_at": None, "last_used_at": None, "use_count": 0, "uses": ()}
    return minted(**(unused | changes))


def use(caller: str | None, at: int, *, service: str = "s3", position: int = 5) -> CallerUse:
    return CallerUse(service, caller, 1, 0, at, at, position, position)


def address(source_ip: str, at: int, *, position: int = 6) -> AddressUse:
    return AddressUse(source_ip, 1, at, at, position)


def denied(at: int, *, caller: str | None = "cron", count: int = 1, position: int = 7) -> Denial:
    return Denial(DenialReason.REVOKED, "billing", caller, count, at, at, position)


def paused(lasted: int, ended_at: int, **changes: object) -> KeyRecord:
    """A key that was silent for so long and then used again."""
    pause = Pause(ended_at - lasted, ended_at, ended_at, 5, 8)
    facts: dict[str, object] = {"created_at": NOW - 400 * DAY, "pauses": (pause,)}
    used = {"last_used_at": NOW, "uses": (use("deploy-bot", NOW, position=9),)}
    return minted(**(facts | used | changes))


def leaked(*places: str, **changes: object) -> KeyRecord:
    """A key whose secret was found an hour ago, by default in one place."""
    found = enumerate(places or ("values.yaml:3",), 8)
    leaks = tuple(Leak(place, NOW - HOUR, position) for position, place in found)
    return minted(**({"marks": Marks(leaks=leaks)} | changes))


def judged(rule_id: str, record: KeyRecord, policy: Policy | None = None) -> Verdict | None:
    """What one rule says of a key."""
    return find_rule(rule_id).check(record, context_of(record, NOW, policy or Policy()))


OVER: dict[str, dict[str, object]] = {
    "disabled": {"state": KeyState.DISABLED, "disabled_at": NOW - DAY},
    "revoked": {"state": KeyState.REVOKED, "revoked_at": NOW - DAY},
    "expired": {"expires_at": NOW},
    "temporary": {"kind": KeyKind.TEMPORARY},
}


def rotated(**changes: object) -> KeyRecord:
    """A key rotated two days ago, in its overlap and not presented since."""
    rotation: dict[str, object] = {
        "rotated_at": NOW - 2 * DAY,
        "rotated_position": 3,
        "overlap_ends_at": NOW + 5 * DAY,
        "successor_id": bytes(range(16)),
        "last_used_at": NOW - 2 * DAY,
        "uses": (use("deploy-bot", NOW - 2 * DAY),),
    }
    return minted(**(rotation | changes))


def confirmed(at: int, **changes: object) -> KeyRecord:
    """A key of 1,000 days that was confirmed once."""
    marks = Marks(confirmed_at=at, confirmed_position=9)
    return minted(**({"created_at": NOW - 1000 * DAY, "marks": marks} | changes))


def revoked(last_used_at: int, **changes: object) -> KeyRecord:
    """A key revoked a day ago."""
    used: dict[str, object] = {"last_used_at": last_used_at, "uses": (use("deploy-bot", last_used_at),)}
    state = {"state": KeyState.REVOKED, "revoked_at": NOW - DAY, "revoked_position": 4}
    return minted(**(used | state | changes))
