"""How a command ends: its exit statuses, and the one line that says why it could not do what was asked."""

import gc
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import NoReturn

import typer

from audit_cli.console import harmless
from ledger.errors import KeyledgerError, LedgerCorrupt

COULD_NOT = 1
WRONG_USAGE = 2
FINDINGS = 3
CORRUPT = 4
INTERRUPTED = 130
# What a shell reports of a program that the closing of a pipe ended.
PIPE_CLOSED = 141

EXPOSED = (
    "a secret stands on the command line, where others can see it and the shell keeps it; nothing was done:"
    " give it through standard input, and rotate that key"
)


@contextmanager
def reported() -> Iterator[None]:
    """Turn what a command raises into a line on standard error and an exit status."""
    try:
        yield
    except (typer.Exit, typer.TyperException):
        raise
    except (KeyboardInterrupt, typer.Abort):
        tell_of_interruption("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise typer.Exit(PIPE_CLOSED) from None
    except Exception as error:  # noqa: BLE001 - a traceback is a defect, whatever went wrong
        raise typer.Exit(report(error)) from None


def report(error: Exception) -> int:
    """Say why it could not be done; returns the exit status that says so too."""
    if os.environ.get("KEYLEDGER_DEBUG"):
        traceback.print_exc()
    tell(line_of(error))
    return CORRUPT if isinstance(error, LedgerCorrupt) else COULD_NOT


def tell(message: str) -> None:
    """Say a line on standard error, in the program's name; what it quotes of a variable may be a secret."""
    from ledger.secret import mask_secrets

    typer.echo(f"keyledger: {harmless(mask_secrets(' '.join(message.split())))}", err=True)


def tell_of_interruption(message: str) -> None:
    """Say it on a line of its own, where a terminal has just shown `^C`."""
    if sys.stderr is not None and sys.stderr.isatty():
        typer.echo(err=True)
    tell(message)


def line_of(error: Exception) -> str:
    """What happened and what to do; of what nobody foresaw only the type: the rest may be secret."""
    match error:
        case KeyledgerError():
            return str(error)
        case OSError(filename=str(name), strerror=str(reason)):
            return f"{name}: {reason}"
        case OSError(strerror=str(reason)):
            return f"reading or writing failed: {reason}"
        case _:
            return (
                f"an unexpected {type(error).__name__} stopped this, which is a defect of keyledger: please"
                " report it with what KEYLEDGER_DEBUG=1 prints of the same command"
            )


def holds_secret(arguments: list[str]) -> bool:
    """Whether an argument has the shape of a secret."""
    # Most arguments are far shorter than a secret, and then nothing needs to be imported.
    long = [argument for argument in arguments if len(argument) >= SHORTEST_SECRET]
    if not long:
        return False
    from ledger import secret

    return any(map(secret.holds_secret, long))


SHORTEST_SECRET = 52


def bear_any_text() -> None:
    """Let a name that the terminal has no letters for be spelt out, where it would stop the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def leave(status: int) -> NoReturn:
    """End the process; quietly where nobody reads its output any more."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        # Whoever wrote has met this and dealt with it; the interpreter would meet it again, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = status or COULD_NOT
    # What is left is not worth a search for cycles.
    gc.freeze()
    sys.exit(status)
