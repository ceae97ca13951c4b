"""Ids and fingerprints find what is stored, so they may never change: tests/golden/ids.txt pins them."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from ledger import ids
from ledger.acceptance import Acceptance
from ledger.actor import Actor, Stamp
from ledger.events import Authentication, CoverageReported, KeyKind, KeyUseDenied, Role
from ledger.observation import (
    Coverage,
    ExternalKey,
    Observation,
    UsageSummary,
    content_id,
    covered,
    linkage,
    linked,
    observed,
    observed_key_id,
    summarized,
)
from ledger.secret import Peppers, new_secret
from ledger.usage import Use
from ledger.verdict import Presented
from tests.golden.samples import ACTOR, AT, BARE, EARLIER, FULL, KEY, ORGANIZATION, OTHER_KEY, RECORDED_AT
from tests.world import World

GOLDEN = Path(__file__).parents[1] / "golden" / "ids.txt"

HASHED = bytes(range(0xF0, 0x100))
OUTSIDE = ExternalKey("aws", "AKIAIOSFODNN7EXAMPLE", KeyKind.LONG_LIVED, "123456789012")
SLOT = ExternalKey("aws", "arn:aws:iam::123456789012:user/zoe/1", generation="2024-05-31T12:00:00Z")
STAMP = Stamp(ORGANIZATION, Actor(ACTOR, Authentication.CLAIMED, Role.ADMIN, "zoe"), RECORDED_AT)

# Fixed bytes make a secret that no key has.
FAKE = new_secret("kl", lambda count: bytes(range(count)))
PEPPERS = Peppers("p2", {"p1": b"\x01" * 32, "p2": b"\x02" * 32})


def no_randomness(count: int) -> bytes:
    raise AssertionError(f"{count} random bytes were asked for, and the id must follow from what was given")


def use(**changes: object) -> Use:
    said = {"key": KEY, "service": "payments", "occurred_at": AT, "given_id": "u-1", "reporter": "gateway"}
    return Use(**(said | changes))  # type: ignore[arg-type]


def identified(**changes: object) -> bytes:
    return Acceptance(STAMP, no_randomness, {}).stream_id(use(**changes))


VALUES: dict[str, Callable[[], bytes | str]] = {
    "digest-of-parts": lambda: ids.digest("use", ORGANIZATION, None, "u-1", AT),
    "digest-of-nothing": ids.digest,
    "hashed-id": lambda: ids.hashed_id("key", ORGANIZATION, "aws", "AKIAIOSFODNN7EXAMPLE", ""),
    "timed-id": lambda: ids.timed_id(AT, HASHED),
    "timed-id-of-1970": lambda: ids.timed_id(0, bytes(10)),
    "random-id": lambda: ids.random_id(lambda count: bytes(range(count))),
    "observed-key-id": lambda: observed_key_id(ORGANIZATION, OUTSIDE),
    "observed-key-id-of-a-slot": lambda: observed_key_id(ORGANIZATION, SLOT),
    "use-stream-id": identified,
    "use-stream-id-without-a-reporter": lambda: identified(reporter=None),
    "use-stream-id-of-another-moment": lambda: identified(occurred_at=AT + 1),
    "use-stream-id-without-a-given-id": lambda: Acceptance(
        STAMP, lambda count: (HASHED[:10] * count)[:count], {}
    ).stream_id(use(given_id=None)),
    "content-id-of-an-observation": lambda: content_id(
        observed(Observation(OUTSIDE, AT, "cloudtrail", created_at=EARLIER, owner="zoe"), KEY, STAMP)
    ),
    "content-id-of-a-summary": lambda: content_id(
        summarized(UsageSummary(OUTSIDE, AT, "credential report", EARLIER, AT, count=3), KEY, STAMP)
    ),
    "content-id-of-a-coverage": lambda: content_id(
        covered(Coverage("cloudtrail", EARLIER, AT, "aws", "123456789012"), STAMP)
    ),
    "content-id-of-a-link": lambda: content_id(linked(KEY, OTHER_KEY, AT, "keyledger", STAMP)),
    "linkage": lambda: linkage("arn:aws:iam::123456789012:user/zoe", EARLIER) or "",
    "secret-masked": lambda: FAKE.masked,
    "secret-checksum-differs-by-prefix": lambda: new_secret("acme", lambda count: bytes(range(count))).masked,
    "fingerprint": lambda: PEPPERS.fingerprint(FAKE, None),
    "fingerprint-under-p1": lambda: PEPPERS.fingerprint(FAKE, "p1"),
    "fingerprint-under-p2": lambda: PEPPERS.fingerprint(FAKE, "p2"),
}


def golden() -> dict[str, str]:
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    return {name: value for name, _, value in (line.partition(" ") for line in lines)}


@pytest.mark.parametrize("name", VALUES)
def test_an_id_never_changes(name: str) -> None:
    value = VALUES[name]()

    assert golden()[name] == (value if isinstance(value, str) else value.hex())


def test_every_pinned_id_is_tested() -> None:
    assert list(golden()) == list(VALUES)


def test_an_observation_has_one_id_whoever_recorded_it_and_when() -> None:
    for event in (*FULL, *BARE):
        again = Stamp(event.organization_id, Actor(KEY, Authentication.KEY, Role.ADMIN, "x"), AT + 9)
        header = again.header(event.occurred_at)
        other = type(event)(*header, *msgspec.structs.astuple(event)[len(header) :])

        assert content_id(other) == content_id(event)


def test_a_field_that_is_added_later_changes_no_standing_id() -> None:
    # given coverage as a later version may declare it
    class LaterCoverage(CoverageReported, frozen=True, array_like=True):
        region: str | None = None

    for event in (*FULL, *BARE):
        if isinstance(event, CoverageReported):
            silent = LaterCoverage(*msgspec.structs.astuple(event))

            assert content_id(silent) == content_id(event)
            assert content_id(msgspec.structs.replace(silent, region="eu-west-1")) != content_id(event)


def test_the_stream_of_a_minutes_denials_never_changes(world: World) -> None:
    """The minute's stream is found again by a later process, perhaps of a later version."""
    created = world.create()
    world.ledger.revoke_key(world.org, world.admin, world.credential(created.id))

    world.ledger.check(created.secret, Presented("payments", "checkout"))

    (row,) = (row for row in world.rows() if isinstance(row.event, KeyUseDenied))
    minute = world.clock.at // 60_000_000 * 60_000_000
    parts = ("denied", world.org.id, created.id, "revoked", "payments", "checkout", minute)
    assert row.stream_id == ids.timed_id(minute, ids.digest(*parts))
