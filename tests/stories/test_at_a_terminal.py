"""What somebody at a terminal sees and is asked."""

import os

import pytest

from tests.door import Door

ESCAPE = "\x1b["


def test_a_revocation_is_shown_and_asked_for(keyledger: Door) -> None:
    created = keyledger.create("ci", "--owner", "platform")

    refused = keyledger.terminal("key", "revoke", "ci", typed="n\n")
    kept = keyledger("check", stdin=created["secret"])
    agreed = keyledger.terminal("key", "revoke", "ci", typed="y\n")
    gone = keyledger("check", stdin=created["secret"])

    assert "platform" in refused.out
    assert "Revoke this key for good? [y/N]" in refused.out
    assert (refused.status, kept.status) == (1, 0)
    assert (agreed.status, gone.status) == (0, 1)


def test_an_interrupted_question_changes_nothing(keyledger: Door) -> None:
    created = keyledger.create("ci")

    answer = keyledger.terminal("key", "revoke", "ci", typed="\x04")

    assert answer.status == 130
    assert answer.out.endswith("\nkeyledger: interrupted\n")
    assert keyledger("check", stdin=created["secret"]).status == 0


def test_removing_a_member_tells_of_the_keys(keyledger: Door) -> None:
    keyledger.well("member", "add", "bob@example.com", "--role", "member")
    keyledger.create("ci", "--owner", "bob@example.com")

    answer = keyledger.terminal("member", "remove", "bob@example.com", typed="y\n")

    assert answer.status == 0
    assert "owns 1 key" in answer.out


def test_a_secret_is_asked_for_without_showing_it(keyledger: Door) -> None:
    secret = keyledger.create("ci")["secret"]

    answer = keyledger.terminal("check", typed=f"{secret}\n")

    assert answer.status == 0
    assert "valid: ci of acme" in answer.out


def test_a_prompt_that_is_left_with_nothing_given_says_so(keyledger: Door) -> None:
    left = keyledger.terminal("check", typed="\x04")

    assert left.status == 2
    assert "nothing was given; type the secret" in left.out
    assert "interrupted" not in left.out


def test_severities_are_coloured_on_a_terminal_unless_no_color_says_no(keyledger: Door) -> None:
    coloured = keyledger.terminal("rules")
    plain = keyledger.terminal("rules", environment={"NO_COLOR": "1"})
    dumb = keyledger.terminal("rules", environment={"TERM": "dumb"})
    piped = keyledger.process("rules")

    assert ESCAPE in coloured.out
    assert ESCAPE not in plain.out + dumb.out + piped.out


@pytest.mark.sqlite_only(reason="about the terminal, with as many uses as take a file more than a second")
def test_a_long_import_shows_its_progress_and_takes_it_away_again(keyledger: Door) -> None:
    keyledger.create("ci")
    line = '{"key": "ci", "service": "deploy", "occurred_at": "2024-05-31T12:00:00Z"}\n'
    file = keyledger.folder / "uses.ndjson"
    file.write_text(line * 120_000)

    answer = keyledger.terminal("use", "append", str(file))

    assert answer.status == 0
    assert "reading [####" in answer.out
    assert answer.out.endswith("\x1b[Kread 120,000, stored 120,000.\n")


def test_nothing_is_wider_than_eighty_columns(keyledger: Door) -> None:
    keyledger.create(
        "a-key-with-a-name-that-is-very-long-" + "x" * 60, "--owner", "o" * 60, "--scope", "deploy"
    )
    keyledger.well("key", "revoke", "a-key-with-a-name-that-is-very-long-" + "x" * 60, "--yes")
    keyledger.create("ci")
    keyledger.well("key", "rotate", "ci")

    for arguments in (
        "key list",
        "key show ci",
        "key history ci",
        "rules",
        "explain aged-key",
        "audit",
        "member list",
    ):
        for line in keyledger(*arguments.split()).out.splitlines():
            assert len(line) <= 80, (arguments, line)


def test_a_ledger_is_found_by_flag_before_variable_before_file_before_default(empty: Door) -> None:
    del empty.environment["KEYLEDGER_URL"]
    places = {name: empty.folder / f"{name}.db" for name in ("flag", "variable", "file")}
    for name, path in places.items():
        empty.well("--ledger", str(path), "init", name)
    empty.well("init", "default")
    settings = empty.folder / "keyledger.toml"
    listed = ("projections", "status")

    assert (empty.folder / "home" / "data" / "keyledger" / "ledger.db").is_file()
    settings.write_text('url = "file.db"\norg = "file"\n')
    assert empty.well("member", "list", "--format", "json").json["organization"] == "file"
    empty.environment |= {"KEYLEDGER_URL": str(places["variable"]), "KEYLEDGER_ORG": "variable"}
    assert empty.well("member", "list", "--format", "json").json["organization"] == "variable"
    flags = ("--ledger", str(places["flag"]), "--org", "flag")
    assert empty.well(*flags, "member", "list", "--format", "json").json["organization"] == "flag"
    assert empty.well("member", "list", "--format", "json", *flags).json["organization"] == "flag"
    empty.well(*listed)


def test_a_pepper_makes_the_fingerprint(keyledger: Door) -> None:
    peppers = keyledger.folder / "peppers.toml"
    peppers.write_text(f'current = "2026"\n[keys]\n2026 = "{os.urandom(32).hex()}"\n')
    peppers.chmod(0o600)
    keyledger.environment["KEYLEDGER_PEPPER_FILE"] = str(peppers)
    created = keyledger.create("ci")
    event = keyledger.well("show-event", "3", "--format", "json").json

    with_pepper = keyledger("check", stdin=created["secret"])
    peppers.chmod(0o644)
    exposed = keyledger("check", stdin=created["secret"])
    del keyledger.environment["KEYLEDGER_PEPPER_FILE"]
    without = keyledger("check", stdin=created["secret"])

    assert event["pepper_id"] == "2026"
    assert (with_pepper.status, without.status) == (0, 1)
    assert "chmod 600" in exposed.err


def test_a_name_that_the_terminal_has_no_letters_for_is_spelt_out(keyledger: Door) -> None:
    keyledger.create("klucz-Łukasza")

    answer = keyledger.process("key", "list", environment={"PYTHONIOENCODING": "latin-1"})

    assert answer.status == 0
    assert "klucz-\\u0141ukasza" in answer.out


def test_uses_can_be_typed(keyledger: Door) -> None:
    keyledger.create("ci")

    line = '{"key": "ci", "service": "deploy", "occurred_at": "2024-05-31T12:00:00Z"}'

    answer = keyledger.terminal("use", "append", typed=f"{line}\n\x04")

    assert answer.out.endswith("read 1, stored 1.\n")
