"""Asking before something is ended for good."""

from typing import Annotated, TypeAlias

import typer

from audit_cli import console
from audit_cli.failures import WRONG_USAGE, tell

YesOption: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


def confirm(question: str) -> None:
    """Go on after a yes; without a terminal nobody can say it, so `--yes` must have."""
    if not console.is_interactive():
        tell("nobody can be asked here; nothing was changed: repeat the command with --yes to mean it")
        raise typer.Exit(WRONG_USAGE)
    if not typer.confirm(question, err=True):
        tell("nothing was changed")
        raise typer.Exit(1)
