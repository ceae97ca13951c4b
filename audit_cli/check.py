"""`keyledger check`: whether a presented secret is valid."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from audit_cli import console
from audit_cli.failures import COULD_NOT
from audit_cli.options import Options, command
from audit_cli.values import Format, FormatOption

if TYPE_CHECKING:
    from ledger.secret import Secret
    from ledger.verdict import Verdict
    from projections.documents.verdict import VerdictDocument

SERVICE = "keyledger"

app = typer.Typer(rich_markup_mode=None)


@command(app, "check", at_server="uses.check")
def check(
    options: Options,
    service: Annotated[str, typer.Option(metavar="NAME", help="What is called with the key.")] = SERVICE,
    caller: Annotated[str | None, typer.Option(metavar="NAME", help="Who presented it.")] = None,
    form: FormatOption = "table",
) -> None:
    """Tell whether a secret is valid, and record the use.

    The secret is read from standard input.

    Exits with 0 for a valid secret, with 1 for any other.

    Example: keyledger check --service deploy < secret.txt
    """
    from audit_cli.session import open_session
    from ledger.verdict import Presented
    from projections.documents.verdict import verdict_document

    with open_session(options) as session:
        secret = read_secret()
        verdict = session.ledger.check(secret, Presented(service, caller))
        if verdict.key_id is None and secret.is_well_formed:
            session.ledger.require_peppers()
    answer(verdict, verdict_document(verdict), form)


def answer(verdict: "Verdict", document: "VerdictDocument", form: Format) -> None:
    """Print what became of a check; leaves with 1 where the secret is not valid."""
    import msgspec

    if form == "json":
        console.result_json(msgspec.to_builtins(document))
    else:
        console.result(_sentence(verdict))
    if not verdict.valid:
        raise typer.Exit(COULD_NOT)


def read_secret() -> "Secret":
    """The secret that is presented, from standard input or a prompt."""
    from ledger.secret import MAX_SECRET, Secret

    if sys.stdin is not None and sys.stdin.isatty():
        return Secret(_asked().strip())
    text = typer.get_binary_stream("stdin").read(MAX_SECRET + 2).decode(errors="replace").strip()
    if not text:
        raise typer.BadParameter("standard input is empty; give the secret there, as in `check < FILE`")
    return Secret(text)


def _asked() -> str:
    try:
        return str(typer.prompt("Secret", hide_input=True, err=True))
    except typer.Abort as aborted:
        # Typer makes one of Ctrl-C and Ctrl-D, but not the same thing was meant.
        if isinstance(aborted.__context__, EOFError):
            raise typer.BadParameter("nothing was given; type the secret, or pipe it in") from None
        raise


def _sentence(verdict: "Verdict") -> str:
    if verdict.key_id is None:
        return "not valid: unknown\n"
    from audit_cli.reports.terminal import printable

    key = printable(f"{verdict.name} of {verdict.organization}")
    if not verdict.valid:
        return f"not valid: {key} is {verdict.reason}\n"
    scopes = f", scopes {' '.join(verdict.scopes)}" if verdict.scopes else ""
    return f"valid: {key}{scopes}\n"
