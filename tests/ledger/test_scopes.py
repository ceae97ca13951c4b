import msgspec
import pytest

from ledger.actor import Actor
from ledger.errors import NotAllowed
from ledger.events import Authentication, KeyCreated, MemberDetails, Role
from ledger.key_terms import KeyChanges, NewKey
from ledger.recorded import event_at
from tests.office import DAY, Office


def by_itself(key_id: bytes) -> Actor:
    """A key that manages keys, naming nobody."""
    return Actor(key_id, Authentication.KEY, Role.ADMIN, "bot")


def test_a_new_key_has_no_scope_and_any_text_of_the_right_shape_is_one(office: Office) -> None:
    plain = office.key()
    scoped = office.ledger.create_key(
        office.org, office.ada, NewKey("deploy", scopes=("preview:read", "deploy.eu"))
    )

    assert office.ledger.find_key(office.org, plain.id.hex()).scopes == ()
    assert office.ledger.find_key(office.org, scoped.id.hex()).scopes == ("deploy.eu", "preview:read")


def test_an_admin_grants_the_managing_of_keys_and_a_key_by_itself_does_not(office: Office) -> None:
    boss = office.ledger.create_key(office.org, office.ada, NewKey("boss", scopes=("keys:manage",)))
    bot = by_itself(boss.id)
    plain = office.key("plain")
    credential = office.ledger.find_key(office.org, plain.id.hex())

    with pytest.raises(NotAllowed, match="granted by an admin"):
        office.ledger.create_key(office.org, bot, NewKey("second", scopes=("keys:manage",)))
    with pytest.raises(NotAllowed, match="granted by an admin"):
        office.ledger.change_key(office.org, bot, credential, KeyChanges(scopes=("keys:manage",)))
    with pytest.raises(NotAllowed, match="granted by an admin"):
        office.ledger.rotate_key(office.org, bot, office.ledger.find_key(office.org, boss.id.hex()))
    named = msgspec.structs.replace(bot, on_behalf_of=office.ada.id)
    office.ledger.create_key(office.org, named, NewKey("second", scopes=("keys:manage",)))


def test_a_key_gives_none_that_manages_keys_more_time_than_an_admin_did(office: Office) -> None:
    terms = NewKey("short", scopes=("keys:manage",), expires_at=office.now + 7 * DAY)
    short = office.ledger.create_key(office.org, office.ada, terms)
    bot = by_itself(short.id)
    credential = office.ledger.find_key(office.org, short.id.hex())
    later, sooner = KeyChanges(expires_at=office.now + 8 * DAY), KeyChanges(expires_at=office.now + DAY)

    for longer in (KeyChanges(expires_at=None), later):
        with pytest.raises(NotAllowed, match="more time"):
            office.ledger.change_key(office.org, bot, credential, longer)
    office.ledger.change_key(office.org, bot, credential, sooner)
    office.ledger.change_key(office.org, office.ada, credential, KeyChanges(expires_at=None))


def test_a_key_that_manages_keys_is_accepted_again_where_an_admin_says_so(office: Office) -> None:
    paused = office.ledger.create_key(office.org, office.ada, NewKey("paused", scopes=("keys:manage",)))
    bot = by_itself(office.key("bot").id)
    credential = office.ledger.find_key(office.org, paused.id.hex())
    office.ledger.disable_key(office.org, bot, credential)

    with pytest.raises(NotAllowed, match="granted by an admin"):
        office.ledger.enable_key(office.org, bot, credential)
    office.ledger.enable_key(office.org, office.ada, credential)


def test_a_member_who_only_reads_grants_nothing(office: Office) -> None:
    office.ledger.add_member(office.org, office.ada, MemberDetails("bob@example.com"), Role.MEMBER)
    bob = office.org.claimed_actor("bob@example.com")

    with pytest.raises(NotAllowed, match="may only read"):
        office.ledger.create_key(office.org, bob, NewKey("mine", scopes=("keys:check",)))


def test_an_event_names_the_key_that_acted_and_apart_from_it_whom_it_claimed(office: Office) -> None:
    boss = office.ledger.create_key(office.org, office.ada, NewKey("boss", scopes=("keys:manage",)))
    named = msgspec.structs.replace(by_itself(boss.id), on_behalf_of=office.ada.id)

    made = office.ledger.create_key(office.org, named, NewKey("made"))

    event = event_at(office.database, office.id, 4).event
    assert isinstance(event, KeyCreated)
    assert event.name == made.name
    assert (event.actor_id, event.authentication) == (boss.id, Authentication.KEY)
    assert event.on_behalf_of_id == office.ada.id
    assert event.owner_id == office.ada.id
