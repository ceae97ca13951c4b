from itertools import pairwise

import msgspec
import pytest

from ledger.credentials import Credential
from ledger.errors import Ambiguous, InvalidInput, NotFound
from ledger.events import KeyState
from ledger.ids import format_id
from ledger.key_terms import KeyChanges
from ledger.observation import ExternalKey, Observation
from ledger.references import MIN_PREFIX
from tests.world import START, World


def find(world: World, reference: str) -> Credential:
    return world.ledger.find_key(world.org, reference)


def test_a_key_is_found_by_id_prefix_and_name(world: World) -> None:
    created = world.create("billing")
    world.create("invoices")
    text = format_id(created.id)

    references = [text, text.upper(), created.id.hex(), text[:9], text[:MIN_PREFIX], text[:20], "billing"]

    assert {find(world, reference).key_id for reference in references} == {created.id}


@pytest.mark.parametrize(
    "reference", ["", "bill", "Billing", "%", "*", "a\0b", "zzzz", "----", "kl_" + "a" * 43]
)
def test_what_means_no_key_is_not_found(world: World, reference: str) -> None:
    world.create("billing")

    with pytest.raises(NotFound, match="no key is called"):
        find(world, reference)


def test_a_reference_that_is_not_unicode_is_refused(world: World) -> None:
    with pytest.raises(InvalidInput, match="not Unicode"):
        find(world, "\udc80")
    with pytest.raises(InvalidInput, match="not Unicode"):
        world.ledger.organization("\udc80")


def test_a_prefix_that_is_too_short_finds_nothing(world: World) -> None:
    created = world.create("billing")

    with pytest.raises(NotFound):
        find(world, created.id.hex()[: MIN_PREFIX - 1])


def test_a_secret_that_was_given_as_a_name_is_not_repeated_in_the_refusal(world: World) -> None:
    created = world.create("billing")
    text = created.secret.reveal()

    with pytest.raises(NotFound) as refusal:
        find(world, text)

    assert text[12:] not in str(refusal.value)


def test_a_name_of_several_living_keys_is_ambiguous_and_their_ids_are_told(world: World) -> None:
    ids = [world.create("billing").id for _ in range(2)]

    with pytest.raises(Ambiguous, match="give the id") as refusal:
        find(world, "billing")

    assert all(format_id(key_id) in str(refusal.value) for key_id in ids)


def test_of_many_candidates_some_are_told(world: World) -> None:
    for _ in range(7):
        world.create("billing")

    with pytest.raises(Ambiguous, match="and more; give the id") as refusal:
        find(world, "billing")

    assert str(refusal.value).count("(billing)") == 5


def test_a_prefix_of_several_ids_is_ambiguous(world: World) -> None:
    # given enough keys that two share their first four digits, which is what makes such a ledger rare
    outside = [ExternalKey("aws", f"AKIA{number:016}") for number in range(800)]
    world.record(Observation(key, START, "cloudtrail") for key in outside)
    prefixes = sorted(find(world, key.external_id).key_id.hex()[:MIN_PREFIX] for key in outside)
    shared = next(one for one, other in pairwise(prefixes) if one == other)

    with pytest.raises(Ambiguous, match="AKIA"):
        find(world, shared)


def test_a_name_wins_over_a_prefix(world: World) -> None:
    first = world.create("billing")
    prefix = first.id.hex()[:8]
    second = world.create(prefix)

    assert find(world, prefix).key_id == second.id


def test_a_name_means_the_living_key_before_the_revoked_one(world: World) -> None:
    dead = world.create("billing")
    world.ledger.revoke_key(world.org, world.admin, world.credential(dead.id))
    assert find(world, "billing").key_id == dead.id

    living = world.create("billing")

    assert find(world, "billing").key_id == living.id


def test_during_a_rotation_the_name_means_the_successor_and_the_old_key_goes_by_its_id(world: World) -> None:
    old = world.create("billing")
    rotated = world.ledger.rotate_key(world.org, world.admin, world.credential(old.id))

    assert find(world, "billing").key_id == rotated.successor.id
    assert find(world, format_id(old.id)).successor_id == rotated.successor.id


def test_the_name_of_a_revoked_successor_never_means_the_old_key(world: World) -> None:
    created = world.create("billing")
    rotated = world.ledger.rotate_key(world.org, world.admin, world.credential(created.id))
    world.ledger.revoke_key(world.org, world.admin, find(world, "billing"))

    assert find(world, "billing").key_id == rotated.successor.id


def test_a_renamed_key_is_found_by_its_new_name_only(world: World) -> None:
    created = world.create("billing")
    world.ledger.change_key(world.org, world.admin, world.credential(created.id), KeyChanges(name="invoices"))

    assert find(world, "invoices").key_id == created.id
    with pytest.raises(NotFound):
        find(world, "billing")


def test_a_key_of_another_organization_is_not_found(world: World) -> None:
    created = world.create("billing")
    other = msgspec.structs.replace(world.org, id=b"\x09" * 16)

    for reference in ("billing", format_id(created.id), created.id.hex()[:8]):
        with pytest.raises(NotFound):
            world.ledger.find_key(other, reference)


def test_an_outside_key_is_found_by_each_of_its_names(world: World) -> None:
    key = ExternalKey("aws", "AKIAIOSFODNN7EXAMPLE")
    world.record([Observation(key, START, "cloudtrail", KeyState.REVOKED, name="deployer")])

    by_name = find(world, "deployer")

    assert by_name == find(world, key.external_id) == find(world, format_id(by_name.key_id))
    assert (by_name.source, by_name.is_minted_here, by_name.fingerprint) == ("aws", False, None)


def test_an_id_means_its_key_whatever_another_is_called(world: World) -> None:
    created = world.create("billing")
    world.create(format_id(created.id))

    assert find(world, format_id(created.id)).name == "billing"

    world.ledger.revoke_key(world.org, world.admin, find(world, "billing"))
    assert find(world, format_id(created.id)).name == "billing"
