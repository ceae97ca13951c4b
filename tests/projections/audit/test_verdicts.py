import msgspec
import pytest

from ledger.events import DenialReason
from projections.audit.rule import listed
from projections.key_record import KeyRecord
from tests.projections.audit.records import (
    DAY,
    HOUR,
    NOW,
    address,
    aws,
    confirmed,
    denied,
    judged,
    leaked,
    minted,
    paused,
    revoked,
    rotated,
    unused_since,
    use,
)


@pytest.mark.parametrize(
    ("rule_id", "record", "message", "evidence"),
    [
        (
            "leaked-key",
            leaked(),
            "its secret was found in values.yaml:3; first reported 2025-12-31T23:00:00Z",
            (8,),
        ),
        (
            "leaked-key",
            leaked("b.env:1", "a.env:7"),
            "its secret was found in 2 places: a.env:7, b.env:1; first reported 2025-12-31T23:00:00Z",
            (8, 9),
        ),
        (
            "unconfirmed-key",
            minted(created_at=NOW - 366 * DAY),
            (
                "not confirmed by its owner since it was created at 2024-12-31T00:00:00Z, 366d ago"
                " (limit 365d)"
            ),
            (1,),
        ),
        (
            "unconfirmed-key",
            confirmed(NOW - 400 * DAY),
            "last confirmed 2024-11-27T00:00:00Z, 400d ago (limit 365d)",
            (9,),
        ),
        (
            "unused-key",
            unused_since(NOW - 52 * DAY - 3 * HOUR),
            "last used 2025-11-09T21:00:00Z, idle for 52d3h (limit 45d)",
            (5,),
        ),
        (
            "unused-key",
            aws(created_at=NOW - 90 * DAY, last_used_at=NOW - 60 * DAY, uses=(use("a", NOW - 70 * DAY),)),
            "last used 2025-11-02T00:00:00Z, idle for 60d (limit 45d)",
            (2,),
        ),
        (
            "never-used-key",
            aws(created_at=NOW - 10 * DAY),
            "not used once since it was created at 2025-12-22T00:00:00Z, 10d ago (grace 7d)",
            (1, 2),
        ),
        (
            "never-used-key",
            aws(created_at=None, known_since=NOW - 10 * DAY),
            (
                "not used once since it became known (creation unknown) at 2025-12-22T00:00:00Z,"
                " 10d ago (grace 7d)"
            ),
            (1, 2),
        ),
        (
            "no-usage-data",
            aws(covered=()),
            "nobody can tell whether it is used: no reporter vouches that it tells the uses of this key",
            (1, 2),
        ),
        (
            "used-before-creation",
            minted(
                created_at=NOW - 2 * DAY,
                first_used_at=NOW - 3 * DAY,
                uses=(use("cron", NOW - 3 * DAY), use("web", NOW, position=8)),
            ),
            "created 2025-12-30T00:00:00Z, yet used by cron (s3) from 2025-12-29T00:00:00Z, 1d earlier",
            (1, 5),
        ),
        (
            "used-before-creation",
            aws(
                created_at=NOW - 2 * DAY,
                last_used_at=NOW,
                summarized_from=NOW - 2 * DAY - HOUR,
                summarized_from_position=7,
            ),
            "created 2025-12-30T00:00:00Z, yet used from 2025-12-29T23:00:00Z, 1h earlier",
            (1, 7),
        ),
        (
            "dormant-then-active",
            paused(120 * DAY, NOW - DAY),
            (
                "silent for 120d (limit 90d) from 2025-09-02T00:00:00Z,"
                " then used again by deploy-bot (s3) at 2025-12-31T00:00:00Z"
            ),
            (5, 8),
        ),
        (
            "departed-owner",
            minted(owner_departed_at=NOW - DAY, owner_position=3, owner_departed_position=9),
            "its owner ada@example.com is no longer a member since 2025-12-31T00:00:00Z",
            (3, 9),
        ),
        (
            "expiring-soon",
            minted(expires_at=NOW + 3 * DAY + HOUR, expiry_position=4),
            "expires 2026-01-04T01:00:00Z, in 3d1h (limit 14d); used by deploy-bot (s3)",
            (4,),
        ),
        ("no-expiry", minted(expiry_position=4), "it never expires", (4,)),
        ("no-expiry", aws(), "keys of aws never expire", (1,)),
        (
            "unregistered-key",
            aws(
                inventory_position=None,
                created_position=None,
                first_used_at=NOW - DAY,
                last_used_at=NOW,
                summary_position=None,
                uses=(use("cron", NOW - DAY, position=4), use("web", NOW, position=8)),
            ),
            (
                "known since 2025-12-31T00:00:00Z from logs alone, in no inventory of aws;"
                " used by cron (s3), web (s3)"
            ),
            (4, 8),
        ),
        (
            "aged-key",
            minted(created_at=NOW - 91 * DAY),
            "created 2025-10-02T00:00:00Z, 91d old (limit 90d)",
            (1,),
        ),
        (
            "aged-key",
            aws(created_at=None, created_position=None, known_since=NOW - 91 * DAY),
            "known since 2025-10-02T00:00:00Z (creation unknown), so at least 91d old (limit 90d)",
            (2,),
        ),
        (
            "used-after-revocation",
            revoked(NOW - DAY + HOUR),
            "revoked 2025-12-31T00:00:00Z, yet used by deploy-bot (s3) until 2025-12-31T01:00:00Z, 1h later",
            (4, 5),
        ),
        (
            "used-after-revocation",
            # a report knows of a later use than any event
            revoked(NOW, uses=(use("deploy-bot", NOW - HOUR),), summary_position=8),
            (
                "revoked 2025-12-31T00:00:00Z, yet used by deploy-bot (s3) until 2026-01-01T00:00:00Z,"
                " 1d later"
            ),
            (4, 5, 8),
        ),
        (
            "used-after-revocation",
            revoked(NOW, uses=(), summary_position=8),
            "revoked 2025-12-31T00:00:00Z, yet used until 2026-01-01T00:00:00Z, 1d later",
            (4, 8),
        ),
        (
            "denied-attempts",
            minted(denials=(denied(NOW - DAY),)),
            "presented once by cron (billing) while revoked, last at 2025-12-31T00:00:00Z",
            (7,),
        ),
        (
            "denied-attempts",
            minted(denials=(denied(NOW, count=3, position=9), denied(NOW - DAY, caller=None))),
            (
                "presented 4 times by an unknown caller (billing), cron (billing) while revoked,"
                " last at 2026-01-01T00:00:00Z"
            ),
            (7, 9),
        ),
        (
            "shared-key",
            minted(uses=(use("b", NOW, position=6), use("a", NOW), use(None, NOW, position=9))),
            "2 callers within 30d: a, b",
            (5, 6),
        ),
        (
            "shared-key",
            minted(uses=(use(None, NOW),), addresses=tuple(address(f"2001::{n}", NOW) for n in range(1, 8))),
            (
                "7 addresses within 30d (callers unknown): 2001::1, 2001::2, 2001::3, 2001::4,"
                " 2001::5 and 2 more"
            ),
            (6,),
        ),
        (
            "undescriptive-name",
            minted(name="key1"),
            "the name says nothing about a purpose; say who uses it where, as in github-actions-prod",
            (1,),
        ),
        (
            "rotation-unfinished",
            rotated(overlap_ends_at=NOW - DAY),
            "rotated 2025-12-30T00:00:00Z; overlap ended 2025-12-31T00:00:00Z without a revocation",
            (3,),
        ),
        (
            "rotation-unfinished",
            rotated(uses=(use("cron", NOW - HOUR), use("deploy-bot", NOW - 3 * DAY, position=4))),
            (
                "rotated 2025-12-30T00:00:00Z; overlap ends 2026-01-06T00:00:00Z;"
                " still presented by cron (s3), last at 2025-12-31T23:00:00Z"
            ),
            (3, 5),
        ),
        (
            "rotation-unfinished",
            rotated(uses=(), overlap_ends_at=None, last_used_at=NOW, summary_position=8),
            "rotated 2025-12-30T00:00:00Z; still used, last at 2026-01-01T00:00:00Z",
            (3, 8),
        ),
    ],
)
def test_a_finding_says_what_was_seen_and_cites_the_events(
    rule_id: str, record: KeyRecord, message: str, evidence: tuple[int, ...]
) -> None:
    found = judged(rule_id, record)
    assert found is not None
    assert found.message == message
    assert found.evidence == evidence


def test_refusals_for_every_reason_count() -> None:
    for reason in DenialReason:
        attempt = msgspec.structs.replace(denied(NOW), reason=reason)
        found = judged("denied-attempts", minted(denials=(attempt,)))
        assert found is not None
        assert f"while {reason}" in found.message


def test_long_lists_name_five_and_count_the_rest() -> None:
    assert listed("abc") == "a, b, c"
    assert listed("gfedcba") == "a, b, c, d, e and 2 more"
