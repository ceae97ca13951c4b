import pytest

from ledger.audit_events import KeyConfirmed
from ledger.confirmations import confirm_keys
from ledger.errors import InvalidInput, NotAllowed, WrongState
from ledger.events import Role
from ledger.key_terms import NewKey
from ledger.observation import ExternalKey, Observation
from tests.world import START, World

AWS = ExternalKey("aws", "AKIAEXAMPLE000000001")


def owned(world: World, email: str, name: str = "billing") -> bytes:
    return world.ledger.create_key(world.reload(), world.admin, NewKey(name, email)).id


def test_an_owner_confirms_his_key_though_he_may_only_read(world: World) -> None:
    bob = world.member("bob@example.com", Role.MEMBER)
    key_id = owned(world, "bob@example.com")

    assert confirm_keys(world.ledger, world.org, bob, [world.credential(key_id)], " yearly ") == 1

    (event,) = world.told(KeyConfirmed)
    assert (event.key_id, event.reason, event.actor_id, event.occurred_at) == (
        key_id,
        "yearly",
        bob.id,
        START,
    )


def test_an_admin_confirms_any_key_once_however_often_it_is_named(world: World) -> None:
    world.record([Observation(AWS, START, "list")])
    keys = [world.credential(owned(world, "team-a")), world.ledger.find_key(world.org, AWS.external_id)]

    assert confirm_keys(world.ledger, world.org, world.admin, [*keys, *keys]) == 2

    assert {event.key_id for event in world.told(KeyConfirmed)} == {key.key_id for key in keys}


def test_of_several_keys_all_are_confirmed_or_none(world: World) -> None:
    bob = world.member("bob@example.com", Role.MEMBER)
    his, hers = owned(world, "bob@example.com"), owned(world, "ada@example.com", "deploy")

    with pytest.raises(NotAllowed, match="neither the owner of deploy nor an admin"):
        confirm_keys(world.ledger, world.org, bob, [world.credential(his), world.credential(hers)])

    assert not world.told(KeyConfirmed)


def test_a_key_of_elsewhere_is_confirmed_by_an_admin_alone(world: World) -> None:
    bob = world.member("bob@example.com", Role.MEMBER)
    world.record([Observation(AWS, START, "list", owner="bob@example.com")])
    key = world.ledger.find_key(world.org, AWS.external_id)

    with pytest.raises(NotAllowed, match="ask an admin"):
        confirm_keys(world.ledger, world.reload(), bob, [key])


def test_a_revoked_key_cannot_be_confirmed(world: World) -> None:
    key = world.credential(world.create().id)
    world.ledger.revoke_key(world.org, world.admin, key)

    with pytest.raises(WrongState, match="nothing to confirm"):
        confirm_keys(world.ledger, world.org, world.admin, [key])


def test_a_reason_that_holds_a_secret_is_refused(world: World) -> None:
    created = world.create()

    with pytest.raises(InvalidInput, match="secret"):
        confirm_keys(
            world.ledger,
            world.org,
            world.admin,
            [world.credential(created.id)],
            created.secret.reveal(),
        )

    assert not world.told(KeyConfirmed)
