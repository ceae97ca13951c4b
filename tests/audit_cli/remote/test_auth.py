"""The login: tried at the server, kept where nobody else reads it, and what goes before it."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from tests.door import Answer, Door
from tests.http_api.served import Served


def login_file() -> Path:
    return Path.home() / "config" / "keyledger" / "login.json"


def logged_in(door: Door, api: Served, *scopes: str) -> str:
    secret = api.key(*scopes).secret.reveal()
    door.well("auth", "login", "--server", api.url, "--with-api-key", stdin=f"{secret}\n")
    return secret


def everything(*answers: Answer) -> str:
    return "".join(answer.out + answer.err for answer in answers)


def test_a_login_from_a_pipe_is_kept_for_its_owner_alone_and_later_commands_use_it(
    outside: Door, api: Served
) -> None:
    secret = logged_in(outside, api, "audit:read")

    listed = outside.well("key", "list", "--format", "json")
    status = outside.well("auth", "status")

    assert [key["name"] for key in listed.json["keys"]] == ["caller"]
    assert stat.S_IMODE(login_file().stat().st_mode) == 0o600
    assert "acme" in status.out
    assert "the login" in status.out
    assert f"{secret[:7]}...{secret[-4:]}" in status.out
    assert secret not in everything(listed, status)


def test_a_wrong_a_revoked_and_a_malformed_key_are_kept_nowhere(outside: Door, api: Served) -> None:
    revoked = api.key("audit:read", name="old")
    office = api.office
    office.ledger.revoke_key(office.org, office.ada, office.ledger.find_key(office.org, "old"), None)
    unknown = api.key("audit:read").secret.reveal()
    office.ledger.revoke_key(office.org, office.ada, office.ledger.find_key(office.org, "caller"), None)

    login = ("auth", "login", "--server", api.url, "--with-api-key")
    answers = [
        outside(*login, stdin=revoked.secret.reveal()),
        outside(*login, stdin=unknown),
        outside(*login, stdin="kl_123"),
        outside(*login, stdin=""),
    ]

    assert [answer.status for answer in answers] == [1, 1, 2, 2]
    assert "revoked" in answers[0].err
    assert "its checksum is wrong" in answers[2].err
    assert not login_file().exists()
    assert revoked.secret.reveal() not in everything(*answers)


def test_a_key_in_an_argument_is_refused(outside: Door, api: Served) -> None:
    secret = api.key().secret.reveal()

    answer = outside.process("auth", "login", "--server", api.url, "--with-api-key", secret)

    assert answer.status == 2
    assert secret not in everything(answer)


def test_variables_go_before_the_login_and_logout_says_that_they_are_set(outside: Door, api: Served) -> None:
    logged_in(outside, api, "audit:read")
    other = api.key("audit:read", name="from-variable").secret.reveal()
    outside.environment = {
        "KEYLEDGER_SERVER": api.url,
        "KEYLEDGER_API_KEY": other,
        "KEYLEDGER_ORG": "acme",
    }

    status = outside.well("auth", "status", "--format", "json").json
    left = outside.well("auth", "logout")

    assert (status["source"], status["key_name"]) == ("KEYLEDGER_API_KEY", "from-variable")
    assert not login_file().exists()
    for variable in outside.environment:
        assert f"{variable} is set and still in force" in left.err


def test_the_organization_that_is_named_must_be_the_keys(at_server: Door) -> None:
    at_server.environment["KEYLEDGER_ORG"] = "umbrella"

    answer = at_server("key", "create", "ci")

    assert answer.status == 1
    assert "is of 'acme', not of 'umbrella'" in answer.err


@pytest.mark.parametrize("rights", [0o644, 0o640, 0o606])
def test_a_login_that_others_could_read_is_not_used(outside: Door, api: Served, rights: int) -> None:
    secret = logged_in(outside, api, "audit:read")
    login_file().chmod(rights)

    answer = outside("key", "list")

    assert answer.status == 1
    assert "chmod 600" in answer.err
    assert secret not in everything(answer)
    outside.well("auth", "logout")
    assert not login_file().exists()


def test_a_damaged_login_is_told_and_can_be_removed(outside: Door, api: Served) -> None:
    logged_in(outside, api)
    login_file().write_text("{", encoding="utf-8")

    assert "is no login" in outside("key", "list").err
    outside.well("auth", "logout")
    assert outside("auth", "status").status == 1


@pytest.mark.parametrize("damage", ["\u20ac", "\n", "x"], ids=["no ASCII", "a line end", "a letter more"])
def test_a_damaged_key_of_a_login_is_told_and_not_shown(outside: Door, api: Served, damage: str) -> None:
    secret = logged_in(outside, api)
    kept = json.loads(login_file().read_text(encoding="utf-8"))
    login_file().write_text(json.dumps(kept | {"api_key": secret + damage}), encoding="utf-8")

    answer = outside("key", "list")

    assert answer.status == 1
    assert "is damaged; run `keyledger auth login` again" in answer.err
    assert secret not in everything(answer)


class Shelf(KeyringBackend):
    """A keyring of this process: `priority` says that it works here."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def _open(self) -> None:
        if self.is_locked:
            raise KeyringLocked

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        del self.kept[service, username]


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """Give a keyring that works, in place of the one of this system."""
    before, shelf = keyring.get_keyring(), Shelf()
    keyring.set_keyring(shelf)
    yield shelf
    keyring.set_keyring(before)


def test_a_keyring_keeps_the_key_where_there_is_one(outside: Door, api: Served, shelf: Shelf) -> None:
    secret = logged_in(outside, api, "audit:read")

    assert shelf.kept == {("keyledger", api.url): secret}
    assert secret not in login_file().read_text(encoding="utf-8")
    outside.well("key", "list")
    outside.well("auth", "logout")
    assert shelf.kept == {}


def test_a_login_elsewhere_leaves_no_key_of_the_one_before_in_the_keyring(
    outside: Door, api: Served, shelf: Shelf
) -> None:
    logged_in(outside, api, "audit:read")

    elsewhere = api.url.replace("127.0.0.1", "localhost")
    key = api.key("audit:read").secret.reveal()
    outside.well("auth", "login", "--server", elsewhere, "--with-api-key", stdin=key)

    assert shelf.kept == {("keyledger", elsewhere): key}


def test_a_login_that_others_could_read_leaves_no_key_in_the_keyring(
    outside: Door, api: Served, shelf: Shelf
) -> None:
    logged_in(outside, api, "audit:read")
    login_file().chmod(0o644)

    outside.well("auth", "logout")

    assert shelf.kept == {}


def test_a_keyring_that_is_locked_is_told_and_a_login_goes_to_the_file(
    outside: Door, api: Served, shelf: Shelf
) -> None:
    logged_in(outside, api, "audit:read")

    shelf.is_locked = True
    listed = outside("key", "list")
    left = outside("auth", "logout")
    key = api.key("audit:read").secret.reveal()
    said = outside.well("auth", "login", "--server", api.url, "--with-api-key", stdin=key)

    assert (listed.status, left.status) == (1, 1)
    assert "the keyring of this system does not open" in listed.err
    assert "the keyring of this system does not open" in left.err
    assert "unexpected" not in everything(listed, left)
    assert str(login_file()) in "".join(said.err.split("\n"))
    assert outside.well("key", "list").out


def test_a_ledger_that_is_named_goes_before_the_login(outside: Door, api: Served) -> None:
    logged_in(outside, api, "audit:read")

    answer = outside("key", "list", "--ledger", "none.db")

    assert "there is no ledger at none.db" in answer.err


def test_without_a_login_or_a_key_it_is_said_what_to_do(outside: Door) -> None:
    assert "`keyledger auth login`" in outside("auth", "status").err
    outside.environment = {"KEYLEDGER_SERVER": "https://keys.example.com"}
    assert "auth login --server https://keys.example.com --with-api-key" in outside("key", "list").err


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ("http://keys.example.com", "would show the key to the network"),
        ("https://ada:pw@keys.example.com", "a key is given apart"),
        ("keys.example.com", "is no URL"),
        ("https://keys.example.com/?key=1", "a key is given apart"),
        ("https://[::1", "is no URL"),
    ],
)
def test_no_key_goes_to_a_server_in_the_open(outside: Door, api: Served, server: str, reason: str) -> None:
    outside.environment = {"KEYLEDGER_SERVER": server, "KEYLEDGER_API_KEY": api.key().secret.reveal()}

    answer = outside("key", "list")

    assert answer.status == 1
    assert reason in answer.err


def test_a_command_on_the_ledger_itself_is_refused_where_a_server_is_named(at_server: Door) -> None:
    answer = at_server("projections", "status")

    assert answer.status == 2
    assert "name the ledger with --ledger" in answer.err
    at_server.environment["KEYLEDGER_URL"] = "here.db"
    assert "both a ledger and a server are named" in at_server("key", "list").err


@pytest.mark.parametrize("more", ["\nsecond-line", "é", "日", "x"])
def test_a_variable_that_holds_no_key_is_told_without_it(outside: Door, api: Served, more: str) -> None:
    secret = api.key("audit:read").secret.reveal()
    outside.environment = {
        "KEYLEDGER_SERVER": api.url,
        "KEYLEDGER_API_KEY": secret + more,
        "KEYLEDGER_DEBUG": "1",
    }

    answer = outside("key", "list")

    assert answer.status == 1
    assert "KEYLEDGER_API_KEY holds no API key" in answer.err
    assert secret not in everything(answer)


@pytest.mark.parametrize("member", ["a\nb", "a\0b", "\x1b[2J"])
def test_what_can_be_no_member_is_told_and_sent_nowhere(at_server: Door, member: str) -> None:
    answer = at_server("key", "list", "--as", member)

    assert answer.status == 1
    assert "cannot name a member" in answer.err
