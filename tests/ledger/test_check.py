from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from random import Random
from time import sleep

import msgspec
import pytest

from ledger.database import open_database
from ledger.errors import InvalidInput, WrongState
from ledger.events import Authentication, DenialReason, KeyUsed, KeyUseDenied, UseDetails
from ledger.key_terms import CreatedKey, KeyChanges, NewKey
from ledger.ledger import Ledger
from ledger.moments import MICROSECOND
from ledger.secret import Peppers, Secret, new_secret
from ledger.verdict import UNKNOWN, Presented, Reason, Verdict
from tests.world import START, World

HERE = Presented("payments", "checkout", "gateway", "192.0.2.7", "curl/8.5.0")
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def check(world: World, created: CreatedKey, presented: Presented = HERE) -> Verdict:
    return world.ledger.check(created.secret, presented)


def test_a_valid_key_is_accepted_and_the_verdict_says_whose_it_is(world: World) -> None:
    created = world.ledger.create_key(
        world.org, world.admin, NewKey("billing", scopes=("uses:append", "keys:check"))
    )

    verdict = check(world, created)

    assert verdict == Verdict(
        valid=True,
        reason=None,
        organization="acme",
        key_id=created.id,
        name="billing",
        scopes=("keys:check", "uses:append"),
    )


def test_an_accepted_check_is_a_use_of_the_key(world: World) -> None:
    created = world.create()

    check(world, created)

    (use,) = world.told(KeyUsed)
    assert use == KeyUsed(
        START,
        START,
        world.org.id,
        created.id,
        Authentication.KEY,
        key_id=created.id,
        service="payments",
        caller="checkout",
        reporter="gateway",
        personal=UseDetails("192.0.2.7", "curl/8.5.0"),
    )


def test_checks_at_one_moment_are_uses_of_their_own(world: World) -> None:
    created = world.create()

    for _ in range(5):
        check(world, created, Presented("payments"))

    assert len(world.told(KeyUsed)) == 5
    assert world.told(KeyUsed)[0].personal is None


def unknown_secrets() -> list[object]:
    good = new_secret("kl", Random(99).randbytes).reveal()
    texts = {
        "never-minted": good,
        "wrong-checksum": good[:-1] + ("0" if good[-1] != "0" else "1"),
        "empty": "",
        "other-shape": "hunter2",
        "very-long": "kl_" + "a" * 100_000,
        "not-unicode": "kl_\udc80" + "a" * 42,
        "nul": good + "\0",
    }
    return [pytest.param(Secret(text), id=name) for name, text in texts.items()]


@pytest.mark.parametrize(
    ("circumstances", "reason"),
    [
        (Presented(""), "service is empty"),
        (Presented("api", caller="x" * 513), "513 characters"),
        (Presented("api", user_agent="a\0b"), "NUL"),
        (Presented("api", user_agent=f"curl kl_{'a' * 43}_{'b' * 6}"), "holds a secret"),
    ],
)
def test_circumstances_that_cannot_be_recorded_are_refused(
    world: World, circumstances: Presented, reason: str
) -> None:
    created = world.create()

    with pytest.raises(InvalidInput, match=reason):
        world.ledger.check(created.secret, circumstances)

    assert world.told(KeyUsed) == []


@pytest.mark.parametrize("secret", unknown_secrets())
def test_of_an_unknown_or_malformed_secret_nothing_is_told_and_nothing_stored(
    world: World, secret: Secret
) -> None:
    world.create()
    before = world.rows()

    assert world.ledger.check(secret, HERE) == UNKNOWN == Verdict(valid=False, reason=Reason.UNKNOWN)
    assert world.rows() == before


def test_a_revoked_key_is_refused_from_the_moment_that_the_call_returns(world: World) -> None:
    created = world.create()
    world.ledger.revoke_key(world.org, world.admin, world.credential(created.id))

    verdict = check(world, created)

    assert (verdict.valid, verdict.reason) == (False, Reason.REVOKED)
    assert not world.told(KeyUsed)


def test_a_revocation_holds_at_once_in_another_process_that_has_the_ledger_open(world: World) -> None:
    created = world.create()
    other = World.opened(world.address, world.clock)
    assert other.check(created.secret, HERE).valid

    world.ledger.revoke_key(world.org, world.admin, world.credential(created.id))

    assert other.check(created.secret, HERE).reason is Reason.REVOKED
    other.database.close()


def test_a_disabled_key_is_refused_until_it_is_enabled(world: World) -> None:
    created = world.create()
    world.ledger.disable_key(world.org, world.admin, world.credential(created.id))
    assert check(world, created).reason is Reason.DISABLED

    world.ledger.enable_key(world.org, world.admin, world.credential(created.id))

    assert check(world, created).valid


def test_a_key_expires_at_exactly_its_expiry(world: World) -> None:
    created = world.create(expires_in=HOUR)

    world.clock.advance(HOUR - MICROSECOND)
    assert check(world, created).valid

    world.clock.advance(MICROSECOND)
    assert check(world, created).reason is Reason.EXPIRED


def test_a_key_whose_expiry_is_moved_is_accepted_again(world: World) -> None:
    created = world.create(expires_in=HOUR)
    world.clock.advance(HOUR)
    assert not check(world, created).valid

    later = KeyChanges(expires_at=world.clock.at + 1)
    world.ledger.change_key(world.org, world.admin, world.credential(created.id), later)

    assert check(world, created).valid


def test_a_rotated_key_works_until_exactly_the_end_of_the_overlap_and_its_successor_on(world: World) -> None:
    created = world.create()
    rotated = world.ledger.rotate_key(world.org, world.admin, world.credential(created.id), HOUR)

    world.clock.advance(HOUR - MICROSECOND)
    assert check(world, created).valid
    assert check(world, rotated.successor).valid

    world.clock.advance(MICROSECOND)
    assert check(world, created).reason is Reason.ROTATED
    assert check(world, rotated.successor).valid


def test_a_rotation_without_overlap_ends_the_old_key_at_once(world: World) -> None:
    created = world.create()

    world.ledger.rotate_key(world.org, world.admin, world.credential(created.id), timedelta())

    assert check(world, created).reason is Reason.ROTATED


def test_a_key_is_judged_by_the_time_after_the_wait_for_the_ledger(world: World) -> None:
    # given a key that expires while a check waits for a long write to end
    created = world.create(expires_in=SECOND)
    with (
        ThreadPoolExecutor(1) as thread,
        closing(open_database(world.address)) as other,
        other.write(),
    ):
        answer = thread.submit(check, world, created)
        sleep(0.2)
        world.clock.advance(SECOND)

    # then it is refused, though the check was asked before
    assert answer.result().reason is Reason.EXPIRED


def test_a_key_made_before_a_pepper_and_one_under_a_retired_pepper_are_still_accepted(world: World) -> None:
    plain = world.create("plain")
    first = Ledger(world.database, world.clock, Random(2).randbytes, Peppers("p1", {"p1": b"1" * 32}))
    under_first = first.create_key(world.org, world.admin, NewKey("first"))

    peppers = Peppers("p2", {"p1": b"1" * 32, "p2": b"2" * 32})
    second = Ledger(world.database, world.clock, Random(3).randbytes, peppers)
    under_second = second.create_key(world.org, world.admin, NewKey("second"))

    for created in (plain, under_first, under_second):
        assert second.check(created.secret, HERE).key_id == created.id
    assert not world.ledger.check(under_second.secret, HERE).valid


class TestDenials:
    """A hammering client cannot fill the ledger: a minute is one event at once and one with the rest."""

    @pytest.fixture
    def revoked(self, world: World) -> CreatedKey:
        created = world.create()
        world.ledger.revoke_key(world.org, world.admin, world.credential(created.id))
        return created

    def test_the_first_denial_is_told_at_once(self, world: World, revoked: CreatedKey) -> None:
        check(world, revoked)

        (denied,) = world.told(KeyUseDenied)
        assert denied == KeyUseDenied(
            START,
            START,
            world.org.id,
            revoked.id,
            Authentication.KEY,
            key_id=revoked.id,
            reason=DenialReason.REVOKED,
            service="payments",
            caller="checkout",
            reporter="gateway",
            personal=UseDetails("192.0.2.7", "curl/8.5.0"),
        )

    def test_a_thousand_in_a_minute_are_one_event_now_and_one_with_the_rest_after_it(
        self, world: World, revoked: CreatedKey
    ) -> None:
        # when a thousand checks within one minute are denied
        for _ in range(1000):
            check(world, revoked)
            world.clock.advance(timedelta(milliseconds=50))
        assert [event.count for event in world.told(KeyUseDenied)] == [1]
        world.ledger.settle()
        assert [event.count for event in world.told(KeyUseDenied)] == [1]

        # then the rest is told when the minute is over
        world.clock.at = START + MINUTE // MICROSECOND
        world.ledger.settle()
        first, rest = world.told(KeyUseDenied)
        assert (first.count, rest.count) == (1, 999)
        assert (rest.occurred_at, rest.last_at) == (START + 50_000, START + 999 * 50_000)
        assert rest.recorded_at == world.clock.at
        unchanged = {"occurred_at": 0, "recorded_at": 0, "count": 1, "last_at": None}
        assert msgspec.structs.replace(first, **unchanged) == msgspec.structs.replace(rest, **unchanged)

        # and only once
        world.clock.advance(HOUR)
        world.ledger.settle()
        assert len(world.told(KeyUseDenied)) == 2

    def test_the_next_check_tells_the_rest_of_the_minute_before(
        self, world: World, revoked: CreatedKey
    ) -> None:
        for _ in range(3):
            check(world, revoked)
        world.clock.advance(MINUTE)

        check(world, revoked)

        assert [event.count for event in world.told(KeyUseDenied)] == [1, 2, 1]

    def test_settling_leaves_nothing_of_a_past_minute_untold(self, world: World, revoked: CreatedKey) -> None:
        # given more groups than one check would flush
        for caller in range(250):
            for _ in range(2):
                check(world, revoked, Presented("payments", f"caller-{caller}"))
        world.clock.advance(MINUTE)

        world.ledger.settle()

        assert sum(event.count for event in world.told(KeyUseDenied)) == 500

    def test_callers_services_and_reasons_are_told_apart(self, world: World) -> None:
        created = world.create()
        world.ledger.disable_key(world.org, world.admin, world.credential(created.id))
        for caller in ("one", "other", None):
            check(world, created, Presented("payments", caller))
        check(world, created, Presented("invoices", "one"))
        world.ledger.revoke_key(world.org, world.admin, world.credential(created.id))
        check(world, created, Presented("payments", "one"))

        told = [(event.service, event.caller, event.reason) for event in world.told(KeyUseDenied)]

        assert told == [
            ("payments", "one", DenialReason.DISABLED),
            ("payments", "other", DenialReason.DISABLED),
            ("payments", None, DenialReason.DISABLED),
            ("invoices", "one", DenialReason.DISABLED),
            ("payments", "one", DenialReason.REVOKED),
        ]

    def test_a_denial_is_never_a_use(self, world: World, revoked: CreatedKey) -> None:
        for _ in range(3):
            check(world, revoked)
        world.clock.advance(MINUTE)
        world.ledger.settle()

        assert not world.told(KeyUsed)

    def test_what_was_counted_outlives_the_process(self, world: World, revoked: CreatedKey) -> None:
        for _ in range(3):
            check(world, revoked)
        world.database.close()
        world.clock.advance(MINUTE)

        again = World.opened(world.address, world.clock)
        again.settle()

        assert [event.count for event in world.told(KeyUseDenied)] == [1, 2]
        again.database.close()

    def test_a_clock_that_goes_back_loses_no_denial(self, world: World, revoked: CreatedKey) -> None:
        for _ in range(3):
            check(world, revoked)
        world.clock.advance(MINUTE)
        world.ledger.settle()
        world.clock.advance(-MINUTE)
        for _ in range(4):
            check(world, revoked)
        world.clock.advance(MINUTE)
        world.ledger.settle()

        assert [event.count for event in world.told(KeyUseDenied)] == [1, 2, 4]
        versions = [row.version for row in world.rows() if isinstance(row.event, KeyUseDenied)]
        assert versions == [1, 2, 3]

    def test_a_clock_that_goes_back_within_the_minute_moves_no_end(
        self, world: World, revoked: CreatedKey
    ) -> None:
        start = world.clock.at
        for seconds in (0, 20, 40, 10):
            world.clock.at = start + seconds * (SECOND // MICROSECOND)
            check(world, revoked)
        world.clock.advance(HOUR)
        world.ledger.settle()

        rest = world.told(KeyUseDenied)[-1]
        assert rest.last_at is not None
        ends = [(at - start) * MICROSECOND for at in (rest.occurred_at, rest.last_at)]
        assert (rest.count, ends) == (3, [10 * SECOND, 40 * SECOND])

    def test_a_revoked_key_cannot_be_revoked_again(self, world: World, revoked: CreatedKey) -> None:
        with pytest.raises(WrongState, match="revoked already"):
            world.ledger.revoke_key(world.org, world.admin, world.credential(revoked.id))
