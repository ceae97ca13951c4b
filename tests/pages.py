"""The pages of the documentation, and what stands on them."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
# Whatever these show is run; the guides to `deploy/` have tests of their own.
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
GUIDES = tuple(sorted((ROOT / "deploy").rglob("*.md")))


class Block(msgspec.Struct, frozen=True):
    """A block of code: its language, and the name of the file that it is, if it is one."""

    language: str
    name: str
    text: str


def called(page: Path) -> str:
    return str(page.relative_to(ROOT))


def tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def inside(page: Path, kind: str) -> Iterator[Token]:
    """The parts of one kind of all lines of text, such as links and code."""
    for token in tokens(page):
        yield from (child for child in token.children or () if child.type == kind)


def blocks(page: Path) -> list[Block]:
    found: list[Block] = []
    for token in tokens(page):
        if token.type == "fence":
            language, _, name = token.info.partition(" ")
            found.append(Block(language, name, token.content))
    return found


def links(page: Path) -> list[str]:
    return [str(token.attrs["href"]) for token in inside(page, "link_open")]


def anchors(page: Path) -> set[str]:
    """How GitHub names the headings of a page."""
    parsed = tokens(page)
    titles = [
        parsed[number + 1].content for number, token in enumerate(parsed) if token.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(page: Path) -> list[str]:
    """The commands of keyledger that the text of a page names."""
    code = (token.content for token in inside(page, "code_inline"))
    return [text for text in code if re.match(r"(\S+=\S* )*keyledger ", text)]
