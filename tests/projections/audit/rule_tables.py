"""For each rule the keys that it flags at its very boundary, and those that it spares by a microsecond."""

import msgspec

from ledger.events import KeyState
from projections.audit.assessments import Outcome
from projections.key_record import KeyRecord
from projections.pause import Pause
from projections.reporter import Reporter, Stretch
from tests.projections.audit.records import (
    DAY,
    HOUR,
    NOW,
    SECOND,
    address,
    aws,
    confirmed,
    denied,
    leaked,
    minted,
    never_used,
    paused,
    revoked,
    rotated,
    unused_since,
    use,
)

FAILED, PASSED = Outcome.FAILED, Outcome.PASSED
UNKNOWN, OUTSIDE = Outcome.NOT_ASSESSABLE, Outcome.NOT_APPLICABLE


class RuleTable(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule makes of which keys.

    `without_data` is a key of which is not known what the rule asks, and what comes of it; `when_disabled`
    what comes of the first that it flags once that is disabled.
    """

    flags: tuple[KeyRecord, ...]
    spares: tuple[KeyRecord, ...]
    without_data: tuple[KeyRecord, Outcome]
    when_disabled: Outcome = OUTSIDE


def reporter_since(at: int) -> Reporter:
    """One that told what it saw long ago, was silent until a moment, and has told all since."""
    return Reporter("edge", None, None, (Stretch(0, NOW - 200 * DAY, 1), Stretch(at, NOW, 2)))


def _addresses(count: int, at: int) -> dict[str, object]:
    return {"uses": (), "addresses": tuple(address(f"192.0.2.{number}", at) for number in range(count))}


NEVER_REPORTED = aws(created_at=NOW - 60 * DAY, covered=())

TABLES: dict[str, RuleTable] = {
    "unused-key": RuleTable(
        flags=(
            unused_since(NOW - 45 * DAY),
            unused_since(NOW - 45 * DAY - 5 * HOUR),
            aws(created_at=None, last_used_at=NOW - 45 * DAY),
        ),
        spares=(
            unused_since(NOW - 45 * DAY + 1),
            unused_since(NOW - 45 * DAY + SECOND),
            never_used(created_at=NOW - 60 * DAY),
            aws(last_used_at=NOW - 60 * DAY, created_at=NOW - 90 * DAY, covered=()),
        ),
        without_data=(aws(last_used_at=NOW - 60 * DAY, created_at=NOW - 90 * DAY, covered=()), UNKNOWN),
    ),
    "never-used-key": RuleTable(
        flags=(
            never_used(created_at=NOW - 7 * DAY),
            aws(created_at=NOW - 7 * DAY),
            aws(created_at=None, known_since=NOW - 7 * DAY),
        ),
        spares=(
            never_used(created_at=NOW - 7 * DAY + 1),
            never_used(created_at=NOW - 7 * DAY + SECOND),
            unused_since(NOW - 60 * DAY),
            aws(created_at=None, known_since=NOW - 7 * DAY + 1),
        ),
        without_data=(NEVER_REPORTED, UNKNOWN),
    ),
    "no-usage-data": RuleTable(
        flags=(
            NEVER_REPORTED,
            aws(created_at=NOW - HOUR, covered=()),
            aws(covered=((NOW - 1000 * DAY, NOW - 2 * DAY - 1),)),
        ),
        spares=(
            aws(created_at=NOW - 60 * DAY),
            aws(covered=((NOW - 1000 * DAY, NOW - 2 * DAY),)),
            aws(last_used_at=NOW - DAY, covered=()),
            never_used(),
        ),
        without_data=(NEVER_REPORTED, FAILED),
    ),
    "aged-key": RuleTable(
        flags=(minted(created_at=NOW - 90 * DAY), aws(created_at=None, known_since=NOW - 90 * DAY)),
        spares=(
            minted(created_at=NOW - 90 * DAY + 1),
            minted(created_at=NOW - 90 * DAY + SECOND),
            aws(created_at=None, known_since=NOW - 90 * DAY + 1),
        ),
        without_data=(aws(created_at=None, known_since=NOW - 90 * DAY), FAILED),
    ),
    "used-before-creation": RuleTable(
        flags=(
            minted(created_at=NOW - DAY, first_used_at=NOW - DAY - 1, uses=(use("a", NOW - DAY - 1),)),
            aws(created_at=NOW - DAY, summarized_from=NOW - DAY - 1, summarized_from_position=9),
            revoked(NOW - 2 * DAY, created_at=NOW - DAY, first_used_at=NOW - 2 * DAY),
        ),
        spares=(
            minted(created_at=NOW - DAY, first_used_at=NOW - DAY, uses=(use("a", NOW - DAY),)),
            minted(created_at=NOW - DAY, first_used_at=NOW - DAY + 1, uses=(use("a", NOW - DAY + 1),)),
            never_used(created_at=NOW - DAY, denials=(denied(NOW - 2 * DAY),)),
        ),
        without_data=(aws(created_at=None, last_used_at=NOW - DAY), UNKNOWN),
        when_disabled=FAILED,
    ),
    "used-after-revocation": RuleTable(
        flags=(revoked(NOW - DAY + 1), revoked(NOW, uses=(), summary_position=8)),
        spares=(
            revoked(NOW - DAY),
            revoked(NOW - 2 * DAY, denials=(denied(NOW),)),
            minted(state=KeyState.REVOKED, last_used_at=NOW),
            never_used(state=KeyState.REVOKED, revoked_at=NOW - DAY),
        ),
        without_data=(aws(covered=(), state=KeyState.REVOKED, revoked_at=NOW - DAY), UNKNOWN),
        # A revoked key cannot be disabled; this one says both, and what was done with it counts.
        when_disabled=FAILED,
    ),
    "denied-attempts": RuleTable(
        flags=(minted(denials=(denied(NOW - 30 * DAY),)),),
        spares=(minted(denials=(denied(NOW - 30 * DAY - 1),)), minted()),
        without_data=(aws(), UNKNOWN),
        when_disabled=FAILED,
    ),
    "leaked-key": RuleTable(
        flags=(
            leaked(),
            leaked(rotated_at=NOW - DAY, successor_id=bytes(16), overlap_ends_at=NOW + 1),
            leaked(expires_at=NOW + 1),
        ),
        spares=(
            minted(),
            leaked(rotated_at=NOW - DAY, successor_id=bytes(16), overlap_ends_at=NOW),
            leaked(expires_at=NOW),
        ),
        without_data=(aws(), UNKNOWN),
    ),
    "shared-key": RuleTable(
        flags=(
            minted(uses=(use("a", NOW - 30 * DAY), use("b", NOW))),
            minted(**_addresses(5, NOW - 30 * DAY)),
        ),
        spares=(
            minted(uses=(use("a", NOW - 30 * DAY - 1), use("b", NOW))),
            minted(uses=(use("a", NOW, service="s3"), use("a", NOW, service="ec2"))),
            minted(**_addresses(5, NOW - 30 * DAY - 1)),
            minted(**_addresses(4, NOW)),
        ),
        without_data=(minted(uses=(use(None, NOW),)), UNKNOWN),
    ),
    "undescriptive-name": RuleTable(
        flags=(minted(name="test"), aws(name="test")),
        spares=(minted(name="test-runner"), aws(name="AKIA1", external_id="AKIA1")),
        without_data=(aws(), OUTSIDE),
    ),
    "rotation-unfinished": RuleTable(
        flags=(
            rotated(overlap_ends_at=NOW),
            rotated(uses=(use("deploy-bot", NOW - 2 * DAY + 1),)),
            rotated(uses=(), last_used_at=NOW - 2 * DAY + 1, summary_position=8),
            rotated(denials=(denied(NOW - DAY),)),
        ),
        spares=(
            minted(),
            rotated(),
            rotated(overlap_ends_at=NOW + 1),
            rotated(overlap_ends_at=NOW, state=KeyState.REVOKED),
        ),
        without_data=(
            aws(rotated_at=NOW - DAY, overlap_ends_at=NOW + DAY, covered=(), last_used_at=None),
            UNKNOWN,
        ),
    ),
    "dormant-then-active": RuleTable(
        flags=(
            paused(90 * DAY, NOW),
            paused(90 * DAY, NOW - 30 * DAY),
            aws(
                pauses=(Pause(NOW - 100 * DAY, NOW - 10 * DAY, NOW - DAY, 2, 3),),
                last_used_at=NOW - DAY,
                created_at=NOW - 400 * DAY,
            ),
        ),
        spares=(
            paused(90 * DAY - 1, NOW),
            paused(90 * DAY - SECOND, NOW),
            paused(90 * DAY, NOW - 30 * DAY - 1),
            paused(90 * DAY, NOW, reporters=(reporter_since(NOW - 3 * DAY),)),
            minted(),
        ),
        without_data=(aws(covered=(), last_used_at=NOW - DAY), UNKNOWN),
    ),
    "departed-owner": RuleTable(
        flags=(minted(owner_departed_at=NOW, owner_position=3, owner_departed_position=9),),
        spares=(minted(), minted(owner="payments-team"), minted(owner=None)),
        without_data=(minted(owner=None), UNKNOWN),
    ),
    "expiring-soon": RuleTable(
        flags=(
            minted(expires_at=NOW + 14 * DAY, expiry_position=2),
            minted(expires_at=NOW + 1, expiry_position=2),
        ),
        spares=(
            minted(expires_at=NOW + 14 * DAY + 1),
            minted(expires_at=NOW + 14 * DAY + SECOND),
            minted(expires_at=NOW),
            minted(),
            rotated(expires_at=NOW + DAY),
        ),
        without_data=(aws(source="gcp"), UNKNOWN),
    ),
    "no-expiry": RuleTable(
        flags=(minted(expiry_position=2), aws()),
        spares=(
            minted(expires_at=NOW + 1),
            minted(expires_at=NOW + 4000 * DAY),
            rotated(),
            aws(source="gcp", expires_at=NOW + DAY),
        ),
        without_data=(aws(source="gcp"), UNKNOWN),
    ),
    "unregistered-key": RuleTable(
        flags=(
            aws(inventory_position=None),
            aws(inventory_position=None, created_at=None, uses=(use(None, NOW),), first_used_at=NOW),
        ),
        spares=(aws(inventory_position=1), minted()),
        without_data=(aws(inventory_position=None, created_at=None, covered=()), FAILED),
    ),
    "unconfirmed-key": RuleTable(
        flags=(
            minted(created_at=NOW - 365 * DAY),
            aws(created_at=None, known_since=NOW - 365 * DAY),
            confirmed(NOW - 365 * DAY),
        ),
        spares=(
            minted(created_at=NOW - 365 * DAY + 1),
            aws(created_at=None, known_since=NOW - 365 * DAY + 1),
            confirmed(NOW - 365 * DAY + 1),
            confirmed(NOW - 900 * DAY, created_at=NOW - DAY),
        ),
        without_data=(aws(created_at=None, known_since=NOW - 365 * DAY), FAILED),
    ),
}
