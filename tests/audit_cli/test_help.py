"""Help and completion: there for every command, with an example, within 80 columns."""

from collections.abc import Iterator

import pytest
import typer.main
from typer.core import TyperGroup

from audit_cli.groups import GROUPS
from audit_cli.main import app
from tests.door import Door


def commands() -> Iterator[tuple[str, ...]]:
    """The words of each command."""
    for name, command in typer.main.get_group(app).commands.items():
        if isinstance(command, TyperGroup):
            yield from ((name, verb) for verb in command.list_commands(typer.Context(command)))
        else:
            yield (name,)


COMMANDS = tuple(commands())


def test_the_commands_are_those_that_are_promised() -> None:
    verbs = ["create", "list", "show", "history", "set", "disable", "enable", "rotate", "revoke", "confirm"]
    expected: set[tuple[str, ...]] = {("key", verb) for verb in verbs}
    expected |= {("remediate", verb) for verb in ("plan", "apply")}
    expected |= {("rotation", verb) for verb in ("status", "start", "finish")}
    expected |= {("member", verb) for verb in ("add", "list", "role", "remove")}
    expected |= {("policy", verb) for verb in ("show", "check")}
    expected |= {("auth", verb) for verb in ("login", "status", "logout")}
    expected |= {
        ("import", kind)
        for kind in ("cloudtrail", "iam-credential-report", "iam-access-keys", "gcp-service-account-keys")
    }
    expected |= {("projections", verb) for verb in ("status", "run", "rebuild", "check")} | {
        ("use", "append")
    }
    expected |= {
        (word,)
        for word in (
            "init",
            "check",
            "coverage",
            "owners",
            "reconcile",
            "retire-reporter",
            "show-event",
            "events",
            "backup",
            "restore",
            "upgrade",
            "audit",
            "audit-history",
            "reproduce",
            "waive",
            "waivers",
            "unwaive",
            "rules",
            "scan",
            "explain",
            "demo",
            "serve",
        )
    }

    assert set(COMMANDS) == expected


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_in_eighty_columns(
    words: tuple[str, ...], empty: Door
) -> None:
    text = empty.well(*words, "--help").out

    assert f"Example: keyledger {' '.join(words)}" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80
    assert all(f"{option} " in text for option in ("--ledger", "--org", "--as"))


@pytest.mark.parametrize("group", [(), *((name,) for name, _, _ in GROUPS)], ids=" ".join)
def test_what_a_list_of_commands_says_of_each_is_not_cut_off(group: tuple[str, ...], empty: Door) -> None:
    # A process of its own: the test runner's help is wider than a terminal's of 80 columns.
    text = empty.process(*group, "--help").out

    listed = text.partition("Commands:")[2].strip().splitlines()
    assert listed
    assert [line for line in listed if line.endswith("...")] == []
    assert max(map(len, text.splitlines())) <= 80


def test_the_version_is_told(empty: Door) -> None:
    assert empty.well("--version").out.startswith("keyledger 0.")


def test_no_command_shows_help_and_a_wrong_one_what_was_meant(empty: Door) -> None:
    assert "Usage: keyledger" in empty().out + empty().err
    answer = empty("key", "rovoke")
    assert answer.status == 2
    assert "Did you mean 'revoke'" in answer.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed(shell: str, empty: Door) -> None:
    asked = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}

    shown = empty.process("--show-completion", shell, environment=asked)

    assert shown.status == 0
    assert "_KEYLEDGER_COMPLETE" in shown.out


def offered(door: Door, line: str) -> list[str]:
    """What bash is offered at the end of a line."""
    words = line.split(" ")
    asked = {
        "_KEYLEDGER_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    return door.process(environment=asked).out.split()


def test_names_of_keys_rules_and_formats_are_completed(keyledger: Door) -> None:
    keyledger.create("ci-github")
    keyledger.create("ci_gitlab")
    keyledger.create("billing")

    assert offered(keyledger, "keyledger key show ci") == ["ci-github", "ci_gitlab"]
    assert offered(keyledger, "keyledger key show ci_") == ["ci_gitlab"]
    assert offered(keyledger, "keyledger explain unu") == ["unused-key"]
    assert offered(keyledger, "keyledger audit --format m") == ["markdown"]
    assert offered(keyledger, "keyledger key rev") == ["revoke"]


def test_the_keys_offered_are_those_of_the_organization_named(keyledger: Door) -> None:
    keyledger.create("ci-acme")
    keyledger.well("init", "other", "--admin", "ada@example.com")
    keyledger.well("--org", "other", "key", "create", "ci-other")

    assert offered(keyledger, "keyledger --org other key show ci") == ["ci-other"]
    assert offered(keyledger, "keyledger key show --org other ci") == ["ci-other"]
    assert offered(keyledger, "keyledger --org other key show --org acme ci") == ["ci-acme"]
    assert offered(keyledger, "keyledger key show ci") == []


def test_without_a_ledger_no_key_is_offered_and_nothing_is_said(empty: Door) -> None:
    assert offered(empty, "keyledger key show ci") == []
