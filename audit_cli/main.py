"""The `keyledger` command: the shared options, the groups, and the way out."""

import gc
import sys
from typing import Annotated

import typer

from audit_cli import (
    audit,
    audit_runs,
    backup,
    check,
    coverage,
    demo,
    events,
    init,
    owners,
    reconcile,
    rules,
    scan,
    serve,
    show_event,
    upgrade,
    waivers,
)
from audit_cli.failures import (
    COULD_NOT,
    EXPOSED,
    INTERRUPTED,
    PIPE_CLOSED,
    WRONG_USAGE,
    bear_any_text,
    holds_secret,
    leave,
    report,
    tell,
    tell_of_interruption,
)
from audit_cli.groups import GROUPS, late_group
from audit_cli.options import ActorOption, LedgerOption, Options, OrgOption, ServerOption

app = typer.Typer(
    name="keyledger",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
)
for part in (
    init,
    demo,
    check,
    audit,
    audit_runs,
    waivers,
    rules,
    coverage,
    scan,
    owners,
    reconcile,
    show_event,
    events,
    backup,
    upgrade,
    serve,
):
    app.add_typer(part.app)
for group in GROUPS:
    app.add_typer(late_group(*group))


def _print_version(wanted: bool) -> None:
    if wanted:
        from ledger import __version__

        typer.echo(f"keyledger {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    ledger: LedgerOption = None,
    org: OrgOption = None,
    actor: ActorOption = None,
    server: ServerOption = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Keep the book of record of API keys: every create, use and revoke is an event.

    An audit then says which keys to rotate or revoke.

    To look around: keyledger demo. To begin: keyledger init ORG
    """
    del version
    context.obj = Options(ledger, org, actor, server)


def main() -> None:
    """Run the command line of this process, and leave with its status."""
    bear_any_text()
    # A command lives for seconds and makes rows by the ten thousand, none of them a cycle.
    gc.set_threshold(100_000, 50, 50)
    leave(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; returns its exit status."""
    try:
        if holds_secret(arguments):
            tell(EXPOSED)
            return WRONG_USAGE
        app(arguments, prog_name="keyledger")
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else COULD_NOT
    except KeyboardInterrupt:
        tell_of_interruption("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001 - as in failures.reported, for what happens outside commands
        return report(error)
    return 0
