import hmac
import string
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from ledger.events import KeyCreated
from ledger.key_terms import CreatedKey, KeyChanges, NewKey
from ledger.secret import Peppers, Secret, check_prefix, new_secret
from tests.world import World

ALPHABET = string.digits + string.ascii_letters

secrets = st.binary(min_size=32, max_size=32).map(lambda raw: new_secret("kl", lambda _count: raw))


def fresh(seed: int = 1, prefix: str = "kl") -> Secret:
    return new_secret(prefix, Random(seed).randbytes)


@given(secrets)
def test_a_secret_has_the_documented_shape(secret: Secret) -> None:
    prefix, body, checksum = secret.reveal().split("_")

    assert (prefix, len(body), len(checksum)) == ("kl", 43, 6)
    assert set(body + checksum) <= set(ALPHABET)
    assert secret.is_well_formed


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_no_two_random_values_share_a_secret(one: bytes, other: bytes) -> None:
    first, second = (new_secret("kl", lambda _count, raw=raw: raw) for raw in (one, other))  # type: ignore[misc]

    assert (first.reveal() == second.reveal()) == (one == other)


@given(secrets, st.data())
def test_the_checksum_rejects_any_changed_character(secret: Secret, data: st.DataObject) -> None:
    text = secret.reveal()
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(ALPHABET + "_- \n").filter(lambda character: character != text[place]))

    changed = Secret(text[:place] + other + text[place + 1 :])

    assert not changed.is_well_formed


@given(secrets, st.integers(0, 50))
def test_the_checksum_rejects_two_neighbours_that_changed_places(secret: Secret, place: int) -> None:
    text = secret.reveal()
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]

    assert Secret(swapped).is_well_formed == (swapped == text)


@given(st.text(max_size=200))
def test_an_arbitrary_text_is_no_secret_and_raises_nothing(text: str) -> None:
    assert not Secret(text).is_well_formed
    assert repr(Secret(text)) == "Secret('...')"


@pytest.mark.parametrize("around", ["{}\n", " {}", "{} ", "{}\0", "{}{}", "\ufeff{}"])
def test_a_secret_with_something_around_it_is_none(around: str) -> None:
    text = fresh().reveal()

    assert not Secret(around.format(text, text)).is_well_formed


def test_the_masked_value_shows_the_prefix_and_four_characters_of_each_end() -> None:
    secret = fresh(prefix="acme")
    text = secret.reveal()

    assert secret.masked == f"{text[:9]}...{text[-4:]}"
    assert len(secret.masked) == len("acme_") + 4 + 3 + 4


@pytest.mark.parametrize(
    "show",
    [
        pytest.param(repr, id="repr"),
        pytest.param(str, id="str"),
        pytest.param(format, id="format"),
        pytest.param(lambda secret: f"{secret!r:>80}", id="f-string"),
        pytest.param(lambda secret: "%s" % secret, id="percent"),  # noqa: UP031
        pytest.param(lambda secret: repr([secret]), id="in-list"),
        pytest.param(lambda secret: repr(CreatedKey("acme", b"", "billing", secret)), id="in-struct"),
        pytest.param(lambda secret: str(ValueError(secret)), id="in-error"),
    ],
)
def test_nothing_that_shows_a_secret_reveals_it(show: Callable[[Secret], str]) -> None:
    secret = fresh()
    body = secret.reveal().split("_")[1]

    shown = show(secret)

    assert secret.masked in shown
    assert body[4:12] not in shown


def test_a_secret_cannot_be_encoded_by_accident() -> None:
    created = CreatedKey("acme", b"", "billing", fresh())

    with pytest.raises(TypeError):
        msgspec.json.encode(created)
    with pytest.raises(TypeError):
        vars(created.secret)


@pytest.mark.sqlite_only(reason="reads the bytes of the file")
def test_a_secret_is_in_no_byte_of_the_ledger(world: World) -> None:
    # given a key that is checked, rotated and revoked
    created = world.create()
    rotated = world.ledger.rotate_key(world.org, world.admin, world.credential(created.id))
    world.ledger.revoke_key(world.org, world.admin, world.credential(created.id), "leaked")
    world.database.close()

    # then neither secret stands in the files
    written = b"".join(path.read_bytes() for path in Path(world.address).parent.glob("ledger.db*"))
    for secret in (created.secret, rotated.successor.secret):
        body = secret.reveal().split("_")[1]
        assert body[4:20].encode() not in written
        assert secret.masked.encode() in written


@pytest.mark.parametrize("prefix", ["", "K", "1kl", "k_l", "k-l", "a" * 17, "kl\n", "é"])
def test_a_prefix_that_would_not_survive_a_double_click_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidInput):
        check_prefix(prefix)


@pytest.mark.parametrize("prefix", ["k", "kl", "acme2", "a" * 16])
def test_a_secret_of_any_allowed_prefix_is_well_formed(prefix: str) -> None:
    check_prefix(prefix)

    assert fresh(prefix=prefix).is_well_formed


class TestPeppers:
    secret = fresh()
    raw = secret.reveal().encode()
    old, new = b"o" * 32, b"n" * 32

    def test_without_a_pepper_the_fingerprint_is_sha_256(self) -> None:
        assert Peppers().fingerprints(self.secret) == [sha256(self.raw).digest()]

    def test_with_a_pepper_it_is_an_hmac_under_it(self) -> None:
        peppers = Peppers("p1", {"p1": self.old})

        assert peppers.fingerprint(self.secret, "p1") == hmac.digest(self.old, self.raw, "sha256")

    def test_every_fingerprint_that_may_be_stored_is_tried_and_the_current_first(self) -> None:
        peppers = Peppers("p2", {"p1": self.old, "p2": self.new})

        assert peppers.fingerprints(self.secret) == [
            hmac.digest(self.new, self.raw, "sha256"),
            hmac.digest(self.old, self.raw, "sha256"),
            sha256(self.raw).digest(),
        ]

    def test_a_pepper_that_was_retired_altogether_is_still_tried(self) -> None:
        peppers = Peppers(None, {"p1": self.old})

        assert peppers.fingerprints(self.secret) == [
            sha256(self.raw).digest(),
            hmac.digest(self.old, self.raw, "sha256"),
        ]

    def test_the_repr_names_peppers_and_never_shows_one(self) -> None:
        shown = repr(Peppers("p2", {"p1": self.old, "p2": self.new}))

        assert shown == "Peppers(current='p2', ids=['p1', 'p2'])"

    def test_the_pepper_of_a_key_is_recorded_with_its_fingerprint(self, address: str) -> None:
        world = World(address, Peppers("p1", {"p1": self.old}))

        created = world.create()

        (event,) = world.told(KeyCreated)
        assert event.pepper_id == "p1"
        assert event.fingerprint == hmac.digest(self.old, created.secret.reveal().encode(), "sha256")
        world.database.close()


@pytest.mark.sqlite_only(reason="reads the bytes of the file")
def test_a_secret_in_a_name_or_a_reason_is_refused_and_stored_nowhere(world: World) -> None:
    created = world.create("billing")
    text = created.secret.reveal()
    credential = world.credential(created.id)

    for deed in (
        lambda: world.create(text),
        lambda: world.ledger.create_key(world.org, world.admin, NewKey("nightly", owner=text)),
        lambda: world.ledger.change_key(world.org, world.admin, credential, KeyChanges(name=f"old {text}")),
        lambda: world.ledger.revoke_key(world.org, world.admin, credential, f"{text} was leaked"),
    ):
        with pytest.raises(InvalidInput, match="holds a secret") as refusal:
            deed()
        assert text[4:20] not in str(refusal.value)

    world.database.close()
    files = [file for file in Path(world.address).parent.iterdir() if file.is_file()]
    assert not any(text.encode() in file.read_bytes() for file in files)
