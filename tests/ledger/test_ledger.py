from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from ledger.errors import InvalidInput, LedgerCorrupt, NotAllowed, NotFound, WrongState
from ledger.events import (
    Authentication,
    KeyCreated,
    KeyExpiryChanged,
    KeyOwnerChanged,
    KeyRenamed,
    KeyScopesChanged,
    MemberDetails,
    OwnerDetails,
    Role,
)
from ledger.key_terms import KeyChanges, NewKey
from ledger.moments import MICROSECOND
from ledger.observation import ExternalKey, Observation
from ledger.schema import credentials, events, organizations
from tests.world import ADMIN_EMAIL, START, World

DAY = timedelta(days=1) // MICROSECOND


def test_a_created_key_is_recorded_with_everything_but_its_secret(world: World) -> None:
    new = NewKey("billing", "team payments", START + DAY, ("uses:append", "keys:check"))

    created = world.ledger.create_key(world.org, world.admin, new)

    (event,) = world.told(KeyCreated)
    assert (created.organization, created.name) == ("acme", "billing")
    assert created.secret.is_well_formed
    assert (event.name, event.masked, event.expires_at) == ("billing", created.secret.masked, START + DAY)
    assert (event.owner_id, event.personal) == (None, OwnerDetails("team payments"))
    assert event.scopes == ("keys:check", "uses:append")
    assert event.pepper_id is None
    assert event.predecessor_id is None
    assert (event.actor_id, event.occurred_at, event.recorded_at) == (world.admin.id, START, START)


def test_a_key_without_an_owner_belongs_to_whoever_made_it(world: World) -> None:
    world.create()

    assert [event.owner_id for event in world.told(KeyCreated)] == [world.admin.id]


def test_an_owner_who_is_a_member_is_recorded_by_id_alone(world: World) -> None:
    world.ledger.create_key(world.org, world.admin, NewKey("billing", ADMIN_EMAIL.upper()))

    assert [(event.owner_id, event.personal) for event in world.told(KeyCreated)] == [(world.admin.id, None)]


def test_keys_may_share_a_name_but_neither_id_nor_secret(world: World) -> None:
    keys = [world.create("billing") for _ in range(20)]

    assert len({key.id for key in keys}) == len({key.secret.reveal() for key in keys}) == 20


def test_a_predecessor_is_recorded_with_its_successor(world: World) -> None:
    created = world.create()

    world.ledger.rotate_key(world.org, world.admin, world.credential(created.id))

    assert [event.predecessor_id for event in world.told(KeyCreated)] == [None, created.id]


def test_changes_are_one_event_each_and_all_or_nothing(world: World) -> None:
    created = world.create()
    changes = KeyChanges(name="invoices", owner="team", expires_at=START + DAY, scopes=("a",))

    assert world.ledger.change_key(world.org, world.admin, world.credential(created.id), changes) == 4

    key = world.ledger.key(world.org, world.credential(created.id))
    assert (key.name, key.owner, key.expires_at, key.scopes) == ("invoices", "team", START + DAY, ("a",))
    for kind in (KeyRenamed, KeyOwnerChanged, KeyExpiryChanged, KeyScopesChanged):
        assert len(world.told(kind)) == 1

    before = world.rows()
    with pytest.raises(InvalidInput):
        world.ledger.change_key(
            world.org, world.admin, world.credential(created.id), KeyChanges(name="again", expires_at=START)
        )
    assert world.rows() == before


def test_a_change_to_what_is_already_so_is_no_event(world: World) -> None:
    new = NewKey("billing", "team", START + DAY, ("a", "b"))
    created = world.ledger.create_key(world.org, world.admin, new)
    before = world.rows()

    same = KeyChanges(name="billing", owner="team", expires_at=START + DAY, scopes=("b", "a"))

    assert world.ledger.change_key(world.org, world.admin, world.credential(created.id), same) == 0
    assert world.ledger.change_key(world.org, world.admin, world.credential(created.id), KeyChanges()) == 0
    assert world.rows() == before


def test_an_owner_may_be_taken_away(world: World) -> None:
    created = world.create()

    world.ledger.change_key(world.org, world.admin, world.credential(created.id), KeyChanges(owner=None))

    key = world.ledger.key(world.org, world.credential(created.id))
    assert (key.owner_id, key.owner) == (None, None)


def test_the_owner_of_a_revoked_key_may_still_change(world: World) -> None:
    created = world.create()
    world.ledger.revoke_key(world.org, world.admin, world.credential(created.id))
    credential = world.credential(created.id)

    assert world.ledger.change_key(world.org, world.admin, credential, KeyChanges(owner="security")) == 1
    with pytest.raises(WrongState, match="revoked, which is final"):
        world.ledger.change_key(world.org, world.admin, credential, KeyChanges(name="billing-old"))


def test_a_member_who_may_only_read_is_refused_and_nothing_is_stored(world: World) -> None:
    created = world.create()
    reader = world.member("ben@example.com", Role.MEMBER)
    credential = world.credential(created.id)
    ledger, org = world.ledger, world.org
    before = world.rows()

    attempts: list[Callable[[], object]] = [
        lambda: ledger.create_key(org, reader, NewKey("mine")),
        lambda: ledger.change_key(org, reader, credential, KeyChanges()),
        lambda: ledger.change_key(org, reader, credential, KeyChanges(name="mine")),
        lambda: ledger.disable_key(org, reader, credential),
        lambda: ledger.enable_key(org, reader, credential),
        lambda: ledger.rotate_key(org, reader, credential),
        lambda: ledger.revoke_key(org, reader, credential),
    ]
    for attempt in attempts:
        with pytest.raises(NotAllowed, match="has the role member and may only read"):
            attempt()

    assert world.rows() == before


def test_a_key_that_was_minted_elsewhere_is_changed_there(world: World) -> None:
    world.record([Observation(ExternalKey("aws", "AKIAIOSFODNN7EXAMPLE"), START, "cloudtrail")])
    outside = world.ledger.find_key(world.org, "AKIAIOSFODNN7EXAMPLE")

    with pytest.raises(WrongState, match="was minted by aws, where it must be changed"):
        world.ledger.revoke_key(world.org, world.admin, outside)


def test_a_stream_that_is_not_there_is_not_found(world: World) -> None:
    world.create()
    with world.database.write() as connection:
        connection.execute(credentials.update().values(key_id=b"\x07" * 16))
    moved = world.credential(b"\x07" * 16)

    with pytest.raises(NotFound, match="was minted here"):
        world.ledger.key(world.org, moved)
    with world.database.write() as connection:
        connection.execute(organizations.update().values(organization_id=b"\x08" * 16))
    with pytest.raises(NotFound, match="no organization"):
        world.ledger.organization()


def test_an_event_that_is_no_part_of_a_life_is_found_out_when_the_key_is_loaded(world: World) -> None:
    created = world.create()
    with world.database.write() as connection:
        founding = connection.execute(select(events).where(events.c.position == 1)).one()
        world.ledger.recorder.append(connection, [(created.id, 2, founding.topic, founding.state)])

    with pytest.raises(LedgerCorrupt, match="no event of a key's life"):
        world.ledger.key(world.org, world.credential(created.id))


def test_an_admin_cannot_touch_the_keys_of_another_organization(world: World) -> None:
    created = world.create("billing")
    eve = MemberDetails("eve@example.com")
    other = world.ledger.create_organization("other", eve, Authentication.CLAIMED)
    admin = other.claimed_actor("eve@example.com")
    foreign = world.credential(created.id)

    with pytest.raises(NotFound, match="no key"):
        world.ledger.revoke_key(other, admin, foreign)
    with pytest.raises(NotFound, match="no key"):
        world.ledger.rotate_key(other, admin, foreign)

    assert world.credential(created.id) == foreign


def test_a_decision_never_comes_before_what_it_was_decided_from(world: World) -> None:
    created = world.create("billing")
    world.clock.at -= DAY
    world.ledger.revoke_key(world.org, world.admin, world.credential(created.id))
    world.member("bob@example.com", Role.MEMBER)
    world.clock.at -= DAY
    world.ledger.remove_member(world.reload(), world.admin, "bob@example.com")

    assert {row.event.occurred_at for row in world.rows()} == {START}
