"""Whatever happens to keys, in whatever order: the credential index, the events and the verdicts agree."""

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from ledger.api_key import ApiKey, denial, evolve
from ledger.credentials import Credential
from ledger.errors import InvalidInput, WrongState
from ledger.events import Event, KeyRotated, KeyState, KeyUsed, KeyUseDenied
from ledger.key_terms import CreatedKey, KeyChanges, NewKey, Succession
from ledger.ledger import MAX_OVERLAP
from ledger.moments import LATEST, MICROSECOND
from ledger.schema import credentials
from ledger.usage import Use
from ledger.verdict import Presented, Reason
from tests.place import Place
from tests.world import World

durations = st.sampled_from(
    [timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=8)]
)
names = st.sampled_from(["billing", "invoices", "test"])


class KeyLife(RuleBasedStateMachine):
    """Drives the real ledger; what each key should be is the fold of its events."""

    kind = "sqlite"
    keys: Bundle[CreatedKey] = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Place(self.kind).ledger()
        self.world = World(self.ledger.__enter__())
        self.revoked: set[bytes] = set()
        self.accepted = 0
        self.refused = 0
        self.recorded = 0

    def teardown(self) -> None:
        self.world.database.close()
        self.ledger.__exit__(None, None, None)

    def folded(self, key_id: bytes) -> ApiKey:
        key: ApiKey | None = None
        for row in self.world.rows():
            if row.stream_id == key_id:
                key = evolve(key, key_id, row.version, row.event)
        assert key is not None
        return key

    def attempt(self, created: CreatedKey, act: Callable[[Credential], object], *, may: bool) -> bool:
        """Act; the ledger must agree with `may`, and a refusal must store nothing."""
        before = len(self.world.rows())
        try:
            act(self.world.credential(created.id))
        except (WrongState, InvalidInput):
            assert not may
            assert len(self.world.rows()) == before
            return False
        assert may
        return True

    @initialize(target=keys)
    def first_key(self) -> CreatedKey:
        return self.world.create()

    @rule(target=keys, name=names, expires_in=st.none() | durations)
    def create(self, name: str, expires_in: timedelta | None) -> CreatedKey:
        return self.world.create(name, expires_in)

    @rule(duration=durations)
    def time_passes(self, duration: timedelta) -> None:
        self.world.clock.advance(duration)

    @rule(created=keys)
    def the_clock_stands_at_an_end(self, created: CreatedKey) -> None:
        key = self.folded(created.id)
        ends = [end for end in (key.expires_at, key.overlap_ends_at) if end is not None]
        self.world.clock.at = max([self.world.clock.at, *ends])

    @rule(created=keys)
    def use(self, created: CreatedKey) -> None:
        # Services report late, so the use of a key is recorded whatever has become of it.
        use = Use(created.id, "payments", self.world.clock.at - 1)
        intake = self.world.ledger.record_uses(self.world.org, self.world.admin, [use])
        assert (intake.stored, intake.refused) == (1, 0)
        self.recorded += 1

    @rule(created=keys)
    def disable(self, created: CreatedKey) -> None:
        may = self.folded(created.id).state is KeyState.ACTIVE
        world = self.world
        self.attempt(created, lambda key: world.ledger.disable_key(world.org, world.admin, key), may=may)

    @rule(created=keys)
    def enable(self, created: CreatedKey) -> None:
        may = self.folded(created.id).state is KeyState.DISABLED
        world = self.world
        self.attempt(created, lambda key: world.ledger.enable_key(world.org, world.admin, key), may=may)

    @rule(created=keys)
    def revoke(self, created: CreatedKey) -> None:
        may = self.folded(created.id).state is not KeyState.REVOKED
        world = self.world
        self.attempt(created, lambda key: world.ledger.revoke_key(world.org, world.admin, key), may=may)
        self.revoked.add(created.id)

    @rule(created=keys, name=names, expires_in=st.none() | durations)
    def change(self, created: CreatedKey, name: str, expires_in: timedelta | None) -> None:
        key = self.folded(created.id)
        expires_at = None if expires_in is None else self.world.clock.at + expires_in // MICROSECOND
        unchanged = (key.name, key.expires_at) == (name, expires_at)
        changes = KeyChanges(name=name, expires_at=expires_at)
        world = self.world
        self.attempt(
            created,
            lambda found: world.ledger.change_key(world.org, world.admin, found, changes),
            may=unchanged or key.state is not KeyState.REVOKED,
        )

    @rule(target=keys, created=keys, overlap=st.just(timedelta()) | durations)
    def rotate(self, created: CreatedKey, overlap: timedelta) -> CreatedKey:
        key = self.folded(created.id)
        at = self.world.clock.at
        usable = key.successor_id is None and denial(key.state, key.expires_at, None, at) is None
        world = self.world
        successors: list[CreatedKey] = []
        self.attempt(
            created,
            lambda found: successors.append(
                world.ledger.rotate_key(world.org, world.admin, found, overlap).successor
            ),
            may=usable,
        )
        return successors[0] if successors else created

    @rule(created=keys)
    def check(self, created: CreatedKey) -> None:
        key = self.folded(created.id)
        expected = denial(key.state, key.expires_at, key.overlap_ends_at, self.world.clock.at)

        verdict = self.world.ledger.check(created.secret, Presented("payments"))

        assert verdict.key_id == created.id
        assert verdict.valid == (expected is None)
        assert verdict.reason == (None if expected is None else Reason(expected))
        assert not (verdict.valid and created.id in self.revoked)
        self.accepted += verdict.valid
        self.refused += not verdict.valid

    @precondition(lambda self: self.revoked)
    @rule(data=st.data())
    def a_revocation_is_final(self, data: st.DataObject) -> None:
        key_id = data.draw(st.sampled_from(sorted(self.revoked)))
        assert self.folded(key_id).state is KeyState.REVOKED

    @invariant()
    def the_index_is_the_fold_of_the_events(self) -> None:
        folded: dict[bytes, ApiKey] = {}
        for row in self.world.rows():
            if is_of_a_life(row.event):
                folded[row.stream_id] = evolve(
                    folded.get(row.stream_id), row.stream_id, row.version, row.event
                )
        with self.world.database.read() as connection:
            indexed = connection.execute(select(credentials)).all()
        assert {
            row.key_id: (
                row.name,
                row.state,
                row.fingerprint,
                row.expires_at,
                row.overlap_ends_at,
                row.successor_id,
                tuple(row.scopes.split()),
            )
            for row in indexed
        } == {
            key.id: (
                key.name,
                key.state,
                key.fingerprint,
                key.expires_at,
                key.overlap_ends_at,
                key.successor_id,
                key.scopes,
            )
            for key in folded.values()
        }

    @invariant()
    def a_use_is_told_for_each_acceptance_and_none_for_a_refusal(self) -> None:
        assert len(self.world.told(KeyUsed)) == self.accepted + self.recorded
        with self.world.database.read() as connection:
            waiting = connection.exec_driver_sql(
                "SELECT coalesce(sum(count), 0) FROM denied_uses WHERE length(state) > 0"
            ).scalar_one()
        assert sum(event.count for event in self.world.told(KeyUseDenied)) + waiting == self.refused

    @invariant()
    def positions_are_gapless_and_versions_begin_at_one(self) -> None:
        rows = self.world.rows()
        assert [row.position for row in rows] == list(range(1, len(rows) + 1))
        seen: dict[bytes, int] = {}
        for row in rows:
            assert row.version == seen.get(row.stream_id, 0) + 1
            seen[row.stream_id] = row.version

    @invariant()
    def a_successor_exists_and_has_no_other_predecessor(self) -> None:
        successors = [event.successor_id for event in self.world.told(KeyRotated)]
        assert len(set(successors)) == len(successors)
        assert {row.stream_id for row in self.world.rows()} >= set(successors)


def is_of_a_life(event: Event) -> bool:
    return event.topic.startswith("key-") and not isinstance(event, KeyUsed | KeyUseDenied)


class KeyLifeOnPostgresql(KeyLife):
    kind = "postgresql"


TestKeyLife = KeyLife.TestCase
TestKeyLife.settings = settings(max_examples=25, stateful_step_count=30)
TestKeyLifeOnPostgresql = KeyLifeOnPostgresql.TestCase
TestKeyLifeOnPostgresql.settings = TestKeyLife.settings


def test_a_rotation_mints_a_successor_with_the_same_name_owner_and_scopes(world: World) -> None:
    new = NewKey("billing", owner="team payments", scopes=("keys:check",))
    created = world.ledger.create_key(world.org, world.admin, new)

    rotated = world.ledger.rotate_key(world.org, world.admin, world.credential(created.id))

    old, successor = (
        world.ledger.key(world.org, world.credential(key_id)) for key_id in (created.id, rotated.successor.id)
    )
    assert old.successor_id == successor.id
    assert rotated.overlap_ends_at == world.clock.at + timedelta(days=7) // MICROSECOND
    same = {"id": b"", "version": 0, "masked": "", "fingerprint": b"", "successor_id": None}
    assert msgspec.structs.replace(old, **same, overlap_ends_at=None) == msgspec.structs.replace(
        successor, **same
    )


def test_a_successor_has_the_lifetime_of_its_predecessor_anew(world: World) -> None:
    created = world.create(expires_in=timedelta(days=90))
    world.clock.advance(timedelta(days=80))

    rotated = world.ledger.rotate_key(world.org, world.admin, world.credential(created.id))

    successor = world.ledger.key(world.org, world.credential(rotated.successor.id))
    assert successor.expires_at == world.clock.at + timedelta(days=90) // MICROSECOND
    assert rotated.successor.expires_at == successor.expires_at


def test_a_lifetime_that_was_set_later_counts_from_the_creation_too(world: World) -> None:
    created = world.create()
    world.clock.advance(timedelta(days=20))
    later = KeyChanges(expires_at=world.clock.at + timedelta(days=10) // MICROSECOND)
    world.ledger.change_key(world.org, world.admin, world.credential(created.id), later)

    rotated = world.ledger.rotate_key(world.org, world.admin, world.credential(created.id))

    assert rotated.successor.expires_at == world.clock.at + timedelta(days=30) // MICROSECOND


def test_no_successor_lives_beyond_the_years_that_can_be_told(world: World) -> None:
    new = NewKey("billing", expires_at=LATEST - 1)
    created = world.ledger.create_key(world.org, world.admin, new)
    world.clock.advance(timedelta(days=1))

    rotated = world.ledger.rotate_key(world.org, world.admin, world.credential(created.id))

    assert rotated.successor.expires_at == LATEST


@pytest.mark.parametrize("expires_in", [None, timedelta(days=1)])
def test_a_rotation_may_set_another_end_or_none(world: World, expires_in: timedelta | None) -> None:
    created = world.create(expires_in=timedelta(days=90))
    expires_at = None if expires_in is None else world.clock.at + expires_in // MICROSECOND

    rotated = world.ledger.rotate_key(
        world.org, world.admin, world.credential(created.id), succession=Succession(expires_at)
    )

    assert rotated.successor.expires_at == expires_at


def test_an_overlap_ends_with_the_old_key_at_the_latest(world: World) -> None:
    created = world.create(expires_in=timedelta(days=3))

    rotated = world.ledger.rotate_key(world.org, world.admin, world.credential(created.id), timedelta(days=7))

    assert rotated.overlap_ends_at == created.expires_at


@pytest.mark.parametrize("overlap", [-MICROSECOND, MAX_OVERLAP + MICROSECOND])
def test_an_overlap_has_bounds(world: World, overlap: timedelta) -> None:
    created = world.create()

    with pytest.raises(InvalidInput, match="from 0 to 365 days"):
        world.ledger.rotate_key(world.org, world.admin, world.credential(created.id), overlap)
