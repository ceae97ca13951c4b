"""Text for a terminal: wrapped to its width, coloured where wanted, and never able to steer it."""

import textwrap

from projections.audit.severity import Severity

MIN_WIDTH = 40

_RESET = "\x1b[0m"
_COLOURS = {
    Severity.CRITICAL: "\x1b[1;31m",
    Severity.HIGH: "\x1b[31m",
    Severity.MEDIUM: "\x1b[33m",
    Severity.LOW: "\x1b[36m",
    Severity.INFO: "\x1b[2m",
}


def printable(text: str) -> str:
    r"""The text with control and other invisible characters spelt out (`\x1b`): names come from strangers."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def painted(severity: Severity, *, color: bool) -> str:
    """The severity's name, in its colour where wanted."""
    return f"{_COLOURS[severity]}{severity}{_RESET}" if color else severity


def wrapped(text: str, width: int, *, indent: str = "", hanging: str | None = None) -> str:
    """The text in lines of at most `width` characters; `hanging` indents all but the first line."""
    text = printable(text)
    if len(indent) + len(text) <= width:
        return indent + text
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent if hanging is None else hanging,
        break_on_hyphens=False,
    )
