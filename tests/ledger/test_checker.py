from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from operator import sub
from random import Random
from statistics import median
from threading import Thread
from time import monotonic, perf_counter, sleep

import pytest

from ledger import checker as bounds
from ledger import postgresql_server, sqlite
from ledger.actor import Actor
from ledger.check import Hearing
from ledger.checker import AskedBy, Checker, settle
from ledger.database import open_database
from ledger.errors import InvalidInput, Overloaded
from ledger.events import Authentication, KeyUsed, KeyUseDenied, MemberDetails
from ledger.key_terms import CreatedKey, NewKey
from ledger.ledger import Ledger
from ledger.organization import Organization
from ledger.secret import Peppers, Secret, new_secret
from ledger.verdict import UNKNOWN, Answer, Presented, Reason, Verdict, question
from tests.world import World

HERE = Presented("payments", "checkout")
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
PATIENCE_S = 30


class Desk:
    """Asks as the threads of a server do."""

    def __init__(self, ledger: Ledger, *, records_after: bool = False) -> None:
        self.groups: list[int] = []
        self.checker: Checker[Future[Answer]] = ledger.checker(self._deliver, records_after=records_after)

    def _deliver(self, answers: object) -> None:
        self.groups.append(len(answers))  # type: ignore[arg-type]
        settle(answers)  # type: ignore[arg-type]

    def ask(
        self, secret: Secret, presented: Presented = HERE, asked_by: AskedBy | None = None
    ) -> "Future[Answer]":
        ticket: Future[Answer] = Future()
        self.checker.ask(secret, presented, ticket, asked_by)
        return ticket

    def check(self, secret: Secret, presented: Presented = HERE) -> Verdict:
        return self.ask(secret, presented).result(PATIENCE_S).verdict

    def close(self) -> None:
        self.checker.close()


@pytest.fixture(params=[False, True], ids=["records-first", "records-after"])
def desk(request: pytest.FixtureRequest, world: World) -> Iterator[Desk]:
    with closing(Desk(world.ledger, records_after=request.param)) as desk:
        yield desk


@pytest.fixture
def group_desk(world: World) -> Iterator[Desk]:
    with closing(Desk(world.ledger)) as desk:
        yield desk


@contextmanager
def held(world: World) -> Iterator[None]:
    """Somebody else's long write."""
    with closing(open_database(world.address)) as other, other.write():
        yield


def revoke(world: World, created: CreatedKey) -> None:
    world.ledger.revoke_key(world.org, world.admin, world.credential(created.id))


def found_globex(world: World) -> tuple[Organization, Actor]:
    details = MemberDetails("gil@example.com")
    org = world.ledger.create_organization("globex", details, Authentication.CLAIMED)
    return org, org.claimed_actor("gil@example.com")


class TestEitherWay:
    def test_every_check_is_answered_for_and_a_use_of_its_own(self, world: World, desk: Desk) -> None:
        keys = [world.create(f"key-{n}") for n in range(3)]

        answers = [desk.ask(keys[n % 3].secret) for n in range(60)]

        verdicts = [answer.result(PATIENCE_S).verdict for answer in answers]
        desk.close()
        assert [verdict.key_id for verdict in verdicts] == [keys[n % 3].id for n in range(60)]
        assert [use.key_id for use in world.told(KeyUsed)] == [keys[n % 3].id for n in range(60)]

    def test_the_answer_is_the_one_of_a_check_alone(self, world: World, desk: Desk) -> None:
        created = world.ledger.create_key(world.org, world.admin, NewKey("billing", scopes=("deploy",)))

        assert desk.check(created.secret) == world.ledger.check(created.secret, HERE)

    def test_a_revocation_holds_at_once_and_the_use_of_a_revoked_key_is_a_denial(
        self, world: World, desk: Desk
    ) -> None:
        created = world.create()
        assert desk.check(created.secret).valid

        other = World.opened(world.address, world.clock)
        other.revoke_key(world.org, world.admin, world.credential(created.id))
        other.database.close()

        assert desk.check(created.secret).reason is Reason.REVOKED
        desk.close()
        assert len(world.told(KeyUsed)) == 1
        assert [denied.key_id for denied in world.told(KeyUseDenied)] == [created.id]

    @pytest.mark.parametrize("secret", ["", "hunter2", "kl_\udc80", new_secret("kl", Random(9).randbytes)])
    def test_an_unknown_secret_is_unknown_and_stores_nothing(
        self, world: World, desk: Desk, secret: str | Secret
    ) -> None:
        before = world.rows()

        assert desk.check(Secret(secret) if isinstance(secret, str) else secret) == UNKNOWN

        desk.close()
        assert world.rows() == before

    @pytest.mark.parametrize("text", ["", "x" * 513, "a\0b", "\udc80", f"kl_{'a' * 43}_{'b' * 6}"])
    def test_circumstances_that_cannot_be_recorded_are_refused_and_disturb_nobody_else(
        self, world: World, desk: Desk, text: str
    ) -> None:
        created = world.create()

        with pytest.raises(InvalidInput):
            desk.ask(created.secret, Presented(text))

        assert desk.check(created.secret).valid

    def test_closing_answers_all_that_was_asked_and_then_nothing_is_taken(
        self, world: World, desk: Desk
    ) -> None:
        created = world.create()
        answers = [desk.ask(created.secret) for _ in range(50)]

        desk.close()

        assert all(answer.result(0).verdict.valid for answer in answers)
        assert len(world.told(KeyUsed)) == 50
        with pytest.raises(Overloaded, match="closed"):
            desk.ask(created.secret)

    def test_denials_of_one_minute_are_an_event_and_a_count(self, world: World, desk: Desk) -> None:
        created = world.create()
        revoke(world, created)

        answers = [desk.ask(created.secret) for _ in range(40)]
        assert not any(answer.result(PATIENCE_S).verdict.valid for answer in answers)
        desk.close()
        world.clock.advance(MINUTE)
        world.ledger.settle()

        assert [denied.count for denied in world.told(KeyUseDenied)] == [1, 39]

    def test_a_key_under_a_retired_pepper_is_accepted(self, world: World) -> None:
        plain = world.create()
        peppered = Ledger(world.database, world.clock, Random(2).randbytes, Peppers("p", {"p": b"1" * 32}))
        with closing(Desk(peppered)) as desk:
            assert desk.check(plain.secret).valid


class TestAsker:
    def ask(self, desk: Desk, secret: Secret, by: CreatedKey, scope: str = "keys:check") -> Answer:
        asked_by = AskedBy(by.secret, scope, Presented("keyledger", source_ip="192.0.2.1"))
        return desk.ask(secret, HERE, asked_by).result(PATIENCE_S)

    @pytest.fixture
    def gateway(self, world: World) -> CreatedKey:
        return world.ledger.create_key(world.org, world.admin, NewKey("gateway", scopes=("keys:check",)))

    def test_one_with_the_scope_is_told_and_named_as_the_reporter(
        self, world: World, desk: Desk, gateway: CreatedKey
    ) -> None:
        created = world.create()

        answer = self.ask(desk, created.secret, gateway)

        assert answer.verdict.valid
        assert answer.asker is not None
        assert answer.asker.name == "gateway"
        desk.close()
        (use,) = [use for use in world.told(KeyUsed) if use.key_id == created.id]
        assert use.reporter == "gateway"

    def test_one_without_the_scope_is_told_nothing_and_nothing_is_recorded_of_the_key(
        self, world: World, desk: Desk, gateway: CreatedKey
    ) -> None:
        created = world.create()

        answer = self.ask(desk, created.secret, gateway, "uses:append")

        assert answer.verdict == UNKNOWN
        assert answer.asker is not None
        assert answer.asker.valid
        desk.close()
        assert created.id not in {use.key_id for use in world.told(KeyUsed)}

    @pytest.mark.parametrize("malformed", [False, True])
    def test_an_unknown_one_is_told_nothing(self, world: World, desk: Desk, *, malformed: bool) -> None:
        created = world.create()
        stranger = Secret("hunter2") if malformed else new_secret("kl", Random(5).randbytes)
        asked_by = AskedBy(stranger, "keys:check", Presented("keyledger"))

        answer = desk.ask(created.secret, HERE, asked_by).result(PATIENCE_S)

        assert (answer.asker, answer.verdict) == (UNKNOWN, UNKNOWN)
        desk.close()
        assert not world.told(KeyUsed)

    def test_a_revoked_one_is_told_nothing_from_the_moment_that_the_revocation_returns(
        self, world: World, desk: Desk, gateway: CreatedKey
    ) -> None:
        created = world.create()
        assert self.ask(desk, created.secret, gateway).verdict.valid

        revoke(world, gateway)
        answer = self.ask(desk, created.secret, gateway)

        assert answer.verdict == UNKNOWN
        assert answer.asker is not None
        assert answer.asker.reason is Reason.REVOKED
        desk.close()
        assert [denied.key_id for denied in world.told(KeyUseDenied)] == [gateway.id]

    def test_a_key_of_another_organization_is_unknown_to_it_and_its_use_is_not_recorded(
        self, world: World, desk: Desk, gateway: CreatedKey
    ) -> None:
        theirs = world.ledger.create_key(*found_globex(world), NewKey("theirs"))

        assert self.ask(desk, theirs.secret, gateway).verdict == UNKNOWN

        desk.close()
        assert theirs.id not in {use.key_id for use in world.told(KeyUsed)}


class TestGroups:
    def test_what_waits_together_shares_one_commit(self, world: World, group_desk: Desk) -> None:
        created = world.create()
        with held(world):
            answers = [group_desk.ask(created.secret) for _ in range(50)]
            sleep(0.1)
            assert not any(answer.done() for answer in answers)

        for answer in answers:
            assert answer.result(PATIENCE_S).verdict.valid

        # The first had set out alone.
        assert len(group_desk.groups) <= 2

    def test_a_key_is_judged_by_the_time_after_the_wait_for_the_ledger(
        self, world: World, group_desk: Desk
    ) -> None:
        created = world.create(expires_in=SECOND)
        with held(world):
            answers = [group_desk.ask(created.secret) for _ in range(5)]
            sleep(0.1)
            world.clock.advance(SECOND)

        assert {answer.result(PATIENCE_S).verdict.reason for answer in answers} == {Reason.EXPIRED}

    def test_a_use_is_on_disk_before_its_answer(self, world: World, group_desk: Desk) -> None:
        created = world.create()
        for number in range(1, 11):
            group_desk.check(created.secret)
            assert len(world.told(KeyUsed)) == number

    def test_more_than_can_wait_are_refused_at_once_and_the_others_answered(
        self, world: World, group_desk: Desk
    ) -> None:
        created = world.create()
        answers: list[Future[Answer]] = []

        def ask_on() -> None:
            for _ in range(bounds.MOST_WAITING + bounds.LARGEST_GROUP + 1):
                answers.append(group_desk.ask(created.secret))  # noqa: PERF401 - it must hold what came before

        with held(world), pytest.raises(Overloaded, match="try again"):
            ask_on()

        for answer in answers:
            assert answer.result(PATIENCE_S).verdict.valid
        assert len(world.told(KeyUsed)) == len(answers)

    def test_a_try_whose_answer_was_lost_is_found_again_and_counts_once(self, world: World) -> None:
        created = world.create()
        asked = [question(Peppers(), created.secret, HERE) for _ in range(3)]
        hearing = Hearing(world.ledger.recorder, asked, world.clock, Random(3).randbytes)

        first, again = hearing.answers(0), hearing.answers(1)

        assert [answer.verdict for answer in first] == [answer.verdict for answer in again]
        assert len(world.told(KeyUsed)) == 3

    def test_a_key_that_was_revoked_between_two_tries_is_refused(self, world: World) -> None:
        created = world.create()
        asked = [question(Peppers(), created.secret, HERE)]
        hearing = Hearing(world.ledger.recorder, asked, world.clock, Random(3).randbytes)
        hearing.answers(0)

        revoke(world, created)
        (answer,) = hearing.answers(1)

        assert answer.verdict.reason is Reason.REVOKED
        assert len(world.told(KeyUsed)) == 1


class TestRecordingAfterwards:
    @pytest.fixture
    def desk(self, world: World) -> Iterator[Desk]:
        with closing(Desk(world.ledger, records_after=True)) as desk:
            yield desk

    def test_an_answer_waits_for_no_other_write_and_its_use_is_stored_after(
        self, world: World, desk: Desk
    ) -> None:
        created = world.create()
        with held(world):
            assert desk.check(created.secret).valid

        desk.close()

        assert len(world.told(KeyUsed)) == 1

    def test_a_use_is_stored_within_a_second(self, world: World, desk: Desk) -> None:
        created = world.create()

        desk.check(created.secret)

        end = monotonic() + PATIENCE_S
        asked_at = monotonic()
        while not world.told(KeyUsed):
            assert monotonic() < end
            sleep(0.01)
        assert monotonic() - asked_at < 5

    def test_no_more_wait_to_be_stored_than_the_bound_says(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bounds, "MOST_UNRECORDED", 100)
        monkeypatch.setattr(bounds, "LARGEST_GROUP", 20)
        created = world.create()
        desk = Desk(world.ledger, records_after=True)
        with held(world):
            answers = [desk.ask(created.secret) for _ in range(300)]
            sleep(0.3)
            told = sum(answer.done() for answer in answers)

        # Of those told some may be in the transaction that waits.
        assert told <= 100 + 100
        for answer in answers:
            assert answer.result(PATIENCE_S).verdict.valid
        desk.close()
        assert len(world.told(KeyUsed)) == 300

    def test_it_can_be_closed_while_the_database_takes_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(bounds, "MOST_UNRECORDED", 100)
        monkeypatch.setattr(bounds, "LARGEST_GROUP", 20)
        for waiting in (sqlite, postgresql_server):
            monkeypatch.setattr(waiting, "LOCK_TIMEOUT_S", 1)
        created = world.create()
        ledger = World.opened(world.address, world.clock)
        desk = Desk(ledger, records_after=True)

        with held(world):
            answers = [desk.ask(created.secret) for _ in range(300)]
            closing_it = Thread(target=desk.close, daemon=True)
            closing_it.start()
            closing_it.join(PATIENCE_S)
            assert not closing_it.is_alive()
        ledger.database.close()

        assert {type(answer.exception(0)) for answer in answers} == {type(None), Overloaded}
        assert "are lost" in caplog.text


@pytest.mark.performance
def test_unknown_revoked_and_foreign_keys_are_told_apart_by_no_watch(world: World) -> None:
    gateway = world.ledger.create_key(world.org, world.admin, NewKey("gateway", scopes=("keys:check",)))
    revoked = world.create("revoked")
    revoke(world, revoked)
    globex, gil = found_globex(world)
    theirs = world.ledger.create_key(globex, gil, NewKey("theirs"))
    theirs_revoked = world.ledger.create_key(globex, gil, NewKey("theirs-revoked"))
    world.ledger.revoke_key(globex, gil, world.ledger.find_key(globex, theirs_revoked.id.hex()))
    secrets = {
        "unknown": new_secret("kl", Random(7).randbytes),
        "revoked": revoked.secret,
        "foreign": theirs.secret,
        "foreign and revoked": theirs_revoked.secret,
    }
    asked_by = AskedBy(gateway.secret, "keys:check", Presented("keyledger"))

    def apart_us() -> float:
        # Round by round, so that what else the machine does meets all alike.
        took = interleaved(works, rounds=500)
        return max(abs(float(median(map(sub, times, took["unknown"])))) * 1e6 for times in took.values())

    with closing(Desk(world.ledger)) as desk:
        works = {
            name: partial(lambda secret: desk.ask(secret, HERE, asked_by).result(PATIENCE_S), secret)
            for name, secret in secrets.items()
        }
        # Noise sets them apart now and then, a difference always.
        assert min(apart_us() for _ in range(3)) < 50


def interleaved(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds):
        names = list(works)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            begun = perf_counter()
            works[name]()
            took[name].append(perf_counter() - begun)
    return took
