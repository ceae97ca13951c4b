"""What the documentation names is there: pages, commands, options and extras."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup, TyperOption

from audit_cli.main import app
from tests.audit_cli.test_help import COMMANDS
from tests.pages import GUIDES, PAGES, README, ROOT, anchors, called, commands, inside, links

DOCUMENTS = (*PAGES, *GUIDES, ROOT / "CHANGELOG.md")
LISTED = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_a_line_in_the_list_of_commands(words: tuple[str, ...]) -> None:
    assert re.search(rf"^\| .*`keyledger {' '.join(words)}[` ]", LISTED, re.MULTILINE)


@pytest.mark.parametrize("page", [*PAGES, *GUIDES], ids=called)
def test_no_command_is_named_that_is_not_there_or_does_not_know_its_options(page: Path) -> None:
    assert {command: unknown(command) for command in commands(page) if unknown(command)} == {}


def unknown(command: str) -> list[str]:
    """The words of a command that keyledger does not know."""
    words = iter(shlex.split(command[command.index("keyledger") :])[1:])
    asked = typer.main.get_command(app)
    known = options(asked)
    for word in words:
        if word.startswith("-") and len(word) > 1:
            if word not in known:
                return [word]
            if not known[word]:
                next(words, None)
        elif isinstance(asked, TyperGroup):
            found = asked.get_command(typer.Context(asked), word)
            if found is None:
                return [word]
            asked = found
            known |= options(asked)
    return []


def options(command: object) -> dict[str, bool]:
    """The options of a command: is it a flag, which takes no value?"""
    found = [each for each in getattr(command, "params", ()) if isinstance(each, TyperOption)]
    return {name: bool(option.is_flag) for option in found for name in option.opts} | {"--help": True}


@pytest.mark.parametrize("page", DOCUMENTS, ids=called)
def test_every_link_leads_somewhere(page: Path) -> None:
    lost: list[str] = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" not in link and (not target.exists() or (anchor and anchor not in anchors(target))):
            lost.append(link)

    assert lost == []


def test_the_readme_leads_to_every_page() -> None:
    assert set(links(README)) >= {called(page) for page in PAGES} - {"README.md"}


@pytest.mark.parametrize("page", DOCUMENTS, ids=called)
def test_what_is_to_be_installed_is_there(page: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    code = " ".join(token.content for token in inside(page, "code_inline"))

    named = {
        extra for found in re.findall(r"pip install '\S+?\[(\S+?)\]'", code) for extra in found.split(",")
    }

    assert named <= set(project["optional-dependencies"])
