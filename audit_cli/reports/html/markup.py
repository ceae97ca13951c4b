"""HTML that can only be made of escaped text: what comes from a ledger never becomes markup."""

from collections.abc import Iterable
from html import escape
from typing import NewType

from audit_cli.reports.terminal import printable

Markup = NewType("Markup", str)

_VOID = frozenset({"meta", "link", "input", "rect", "path"})


def text(value: object) -> Markup:
    """The value as text, with what cannot be seen spelt out."""
    return Markup(escape(printable(str(value)), quote=True))


def join(parts: Iterable[Markup]) -> Markup:
    """The parts one after the other."""
    return Markup("".join(parts))


def element(tag: str, *children: Markup, **attributes: str | float | bool | None) -> Markup:
    """An element; `class_` is class, `data_filter` is data-filter; None and False leave an attribute out."""
    opened = f"<{tag}{''.join(map(_attribute, attributes.items()))}>"
    return Markup(opened if tag in _VOID else f"{opened}{''.join(children)}</{tag}>")


def svg(*children: Markup, **attributes: str | float | bool | None) -> Markup:
    """A drawing; its shapes are closed, as everything in foreign content has to be."""
    inner = "".join(children)
    return Markup(f"<svg{''.join(map(_attribute, attributes.items()))}>{inner}</svg>")


def shape(tag: str, **attributes: str | float | bool | None) -> Markup:
    """A part of a drawing."""
    return Markup(f"<{tag}{''.join(map(_attribute, attributes.items()))}/>")


def verbatim(tag: str, source: str, **attributes: str) -> Markup:
    """A script or a style sheet of ours; neither may hold what ends its element."""
    if "</" in source:
        raise ValueError(f"a <{tag}> must not hold '</'")
    return Markup(f"<{tag}{''.join(map(_attribute, attributes.items()))}>{source}</{tag}>")


def _attribute(item: tuple[str, str | int | float | bool | None]) -> str:
    name, value = item
    if value is None or value is False:
        return ""
    spelt = name.rstrip("_").replace("_", "-")
    return f" {spelt}" if value is True else f' {spelt}="{text(value)}"'
