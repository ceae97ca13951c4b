"""How options are read, each with its own complaint, and those that several commands have."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeAlias

import typer

from audit_cli.completion import complete_rule
from audit_cli.reports.formats import Format as ReportFormat

Format: TypeAlias = Literal["table", "json"]
SecretFormat: TypeAlias = Literal["table", "json", "secret"]


def duration(text: str | timedelta) -> timedelta:
    """Read `45d`; a wrong one is wrong usage. Typer sends defaults through here too."""
    if isinstance(text, timedelta):
        return text
    from ledger.errors import InvalidInput
    from ledger.moments import parse_duration

    try:
        return parse_duration(text)
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from None


class Lifetime(NamedTuple):
    """How long a key works; without a duration it does until it is revoked."""

    duration: timedelta | None


def lifetime(text: str) -> Lifetime:
    """Read `90d` or `never`; anything else is wrong usage."""
    return Lifetime(None if text == "never" else duration(text))


class Until(NamedTuple):
    """When something ends: a moment, or how long from now."""

    at: int | timedelta


def until(text: str) -> Until:
    """Read `90d` or `2024-05-31T12:00:00Z`; anything else is wrong usage."""
    return Until(moment(text) if is_dated(text) else duration(text))


def is_dated(text: str) -> bool:
    """Whether a text begins as a moment does."""
    return _DATED.match(text) is not None


def position(text: str) -> int:
    """Read `42`; a wrong one is wrong usage."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise typer.BadParameter(f"{text!r} is not a position; give a number from 1, as reports cite them")
    return int(text)


# A position is a 64-bit number.
_MOST_DIGITS = 18


def moment(text: str) -> int:
    """Read `2024-05-31T12:00:00Z`; a wrong one is wrong usage."""
    from ledger.errors import InvalidInput
    from ledger.moments import parse_moment

    try:
        return parse_moment(text)
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from None


_DATED = re.compile(r"\d{4}-")

FormatOption: TypeAlias = Annotated[Format, typer.Option("--format", help="How to print it.")]
SecretFormatOption: TypeAlias = Annotated[
    SecretFormat, typer.Option("--format", help="How to print it; `secret` prints the secret alone.")
]
ReportFormatOption: TypeAlias = Annotated[
    ReportFormat, typer.Option("--format", help="How to print the report.")
]
OutputOption: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; else standard output.")
]
RulesOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="RULE", autocompletion=complete_rule, help="Only this rule; repeat for several."),
]
TemporaryOption: TypeAlias = Annotated[bool, typer.Option("--all", help="Temporary credentials too.")]
