"""What no server can do: refused where one is named; where somebody is only logged in, the ledger is told."""

from pathlib import Path
from random import Random

import pytest

from audit_cli.remote.login import Login, keep_login, login_file
from ledger.secret import new_secret
from tests.door import Door

SERVER = "https://keys.example.com"

ON_THE_LEDGER = (
    "projections status",
    "projections run",
    "projections rebuild",
    "projections check",
    "member list",
    "member add bob@example.com --role member",
    "rotation status",
    "rotation start ci --secrets-file secrets.jsonl",
    "remediate plan",
    "import iam-access-keys answers.json",
    "reconcile inventory.csv",
    "coverage",
    "retire-reporter gateway",
    "owners",
    "key confirm ci",
    "waive ci aged-key --reason moving --owner ops --until 30d",
    "waivers",
    "unwaive ci aged-key",
    "audit-history",
    "reproduce last",
    "scan .",
    "scan --rules gitleaks",
    "show-event 1",
    "events",
    "backup copy.db",
    "restore copy.db",
    "upgrade",
    "serve",
)
ON_NONE = (
    "init acme --admin ada@example.com",
    "demo --keys 3 --days 20",
    "policy show",
    "policy show soc2",
    "rules",
    "explain unused-key",
    "scan --offline /dev/null",
    "scan --offline --rules gitleaks",
    "auth logout",
)


def ledger_file() -> Path:
    return Path.home() / "data" / "keyledger" / "ledger.db"


@pytest.fixture
def logged_in(outside: Door) -> Door:
    """Give a door to a ledger where it is by default, of somebody who is logged in at a server."""
    outside.well("init", "acme", "--admin", "ada@example.com")
    key = new_secret("kl", Random(3).randbytes)
    keep_login(login_file(), Login(SERVER, "acme", "ada-laptop"), key)
    return outside


@pytest.mark.parametrize("command", ON_THE_LEDGER)
def test_where_a_variable_names_a_server_it_is_refused_in_a_line(outside: Door, command: str) -> None:
    outside.environment = {"KEYLEDGER_SERVER": SERVER}

    answer = outside(*command.split())

    assert (answer.status, answer.out) == (2, "")
    assert answer.err == (
        "keyledger: this needs the ledger itself, and KEYLEDGER_SERVER names a server:"
        " name the ledger with --ledger\n"
    )


def test_where_an_option_names_a_server_it_is_said_to_leave_it_out(outside: Door) -> None:
    outside.environment = {"KEYLEDGER_SERVER": SERVER}

    answer = outside("--server", SERVER, "owners")

    assert (answer.status, answer.out) == (2, "")
    assert answer.err == (
        "keyledger: this needs the ledger itself: leave out --server, and name the ledger with --ledger\n"
    )


def test_where_a_file_names_a_server_it_is_refused_as_well(outside: Door) -> None:
    (outside.folder / "keyledger.toml").write_text(f'server = "{SERVER}"\n')

    answer = outside("owners")

    assert answer.status == 2
    assert "`server` in keyledger.toml names a server: name the ledger with --ledger" in answer.err


def test_what_is_told_to_do_where_a_server_is_named_helps(logged_in: Door) -> None:
    logged_in.environment = {"KEYLEDGER_SERVER": SERVER}

    answer = logged_in.well("owners", "--ledger", str(ledger_file()))

    assert "keys.example.com" not in answer.err


def test_with_a_login_the_ledger_is_used_and_named_on_standard_error(logged_in: Door) -> None:
    answer = logged_in.well("member", "list", "--format", "json")

    assert [member["email"] for member in answer.json["members"]] == ["ada@example.com"]
    assert answer.err == (
        f"This is done to the ledger {ledger_file()}, not at {SERVER}, where you are logged in.\n"
    )


@pytest.mark.parametrize(
    "command", ["projections status", "upgrade", "backup copy.db", "events", "scan --rules gitleaks"]
)
def test_with_a_login_it_is_said_once(logged_in: Door, command: str) -> None:
    answer = logged_in.well(*command.split())

    assert answer.err.count("where you are logged in") == 1


def test_without_a_login_or_with_a_ledger_that_is_named_nothing_is_said(logged_in: Door) -> None:
    named = logged_in.well("--ledger", str(ledger_file()), "projections", "status")
    logged_in.well("auth", "logout")
    left = logged_in.well("projections", "status")

    assert named.err == left.err == ""


def test_a_login_that_is_damaged_or_open_to_others_stops_nothing_on_the_ledger(logged_in: Door) -> None:
    login_file().chmod(0o644)
    open_to_others = logged_in.well("projections", "status")
    login_file().write_text("{", encoding="utf-8")
    damaged = logged_in.well("projections", "status")

    assert "where you are logged in" in open_to_others.err
    assert damaged.err == ""


def test_on_a_terminal_it_is_said_faintly_unless_no_color_is_set(logged_in: Door) -> None:
    faint = logged_in.terminal("projections", "status")
    plain = logged_in.terminal("projections", "status", environment={"NO_COLOR": "1"})

    assert "\x1b[2mThis is done to the ledger" in faint.out
    assert "This is done to the ledger" in plain.out
    assert "\x1b[2m" not in plain.out


@pytest.mark.parametrize("command", ON_NONE)
def test_what_needs_no_ledger_does_not_complain_of_a_server(outside: Door, command: str) -> None:
    outside.environment = {"KEYLEDGER_SERVER": SERVER}

    answer = outside.well(*command.split())

    assert "names a server" not in answer.err


@pytest.mark.parametrize("command", [*ON_NONE[1:-1], "init umbrella --admin eve@example.com"])
def test_what_needs_no_ledger_says_nothing_of_a_login(logged_in: Door, command: str) -> None:
    assert "where you are logged in" not in logged_in.well(*command.split()).err


def test_an_organization_is_founded_in_the_ledger_that_is_named_beside_a_server(outside: Door) -> None:
    (outside.folder / "keyledger.toml").write_text('url = "here.db"\n')
    outside.environment = {"KEYLEDGER_SERVER": SERVER}

    outside.well("init", "acme", "--admin", "ada@example.com")

    assert (outside.folder / "here.db").is_file()
    assert not ledger_file().exists()


def test_completion_says_nothing_of_servers_and_logins(logged_in: Door) -> None:
    logged_in.well("--ledger", str(ledger_file()), "key", "create", "ci-github", "--as", "ada@example.com")
    asked = {"_KEYLEDGER_COMPLETE": "complete_bash", "COMP_WORDS": "keyledger waive ci", "COMP_CWORD": "2"}

    by_login = logged_in.process(environment=asked)
    by_variable = logged_in.process(environment=asked | {"KEYLEDGER_SERVER": SERVER})

    assert (by_login.out.split(), by_login.err) == (["ci-github"], "")
    assert (by_variable.out.split(), by_variable.err) == ([], "")
