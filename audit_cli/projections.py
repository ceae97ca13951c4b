"""`keyledger projections`: the read side's rows, how far they are and whether they are right."""

import typer

from audit_cli import console
from audit_cli.failures import CORRUPT, tell
from audit_cli.options import Options, command
from audit_cli.values import FormatOption

STATUS_SCHEMA = "keyledger.projections/1"

app = typer.Typer(rich_markup_mode=None)


@command(app, "status")
def status(options: Options, form: FormatOption = "table") -> None:
    """Say how far the read side is behind the ledger.

    Readers catch up by themselves.

    Example: keyledger projections status
    """
    from audit_cli.session import open_session
    from projections import catch_up

    with open_session(options) as session:
        found = catch_up.status(session.database)
    if form == "json":
        console.result_json(
            {
                "schema": STATUS_SCHEMA,
                "position": found.position,
                "ledger_position": found.ledger_position,
                "behind": found.behind,
            }
        )
    else:
        console.result(
            f"Projected up to position {found.position:,} of {found.ledger_position:,},"
            f" {found.behind:,} behind.\n"
        )


@command(app, "rebuild")
def rebuild(options: Options) -> None:
    """Build the read side anew from the events.

    Readers see the old rows meanwhile.

    Example: keyledger projections rebuild
    """
    from audit_cli.progress import progress
    from audit_cli.session import open_session
    from projections.rebuild import rebuild

    with open_session(options) as session, progress("rebuilding") as bar:
        position = rebuild(session.database, bar.reach)
    console.result(f"Rebuilt from {position:,} events.\n")


@command(app, "check")
def check(options: Options) -> None:
    """Compare the read side with the events.

    Exits with 4 where they differ.

    Example: keyledger projections check
    """
    from audit_cli.session import open_session
    from projections.difference import differences

    with open_session(options) as session:
        found = differences(session.database)
    if not found:
        console.result("The read side is what the events say.\n")
        return
    console.result("".join(f"{line}\n" for line in found))
    tell("the read side differs from the events; `keyledger projections rebuild` builds it anew")
    raise typer.Exit(CORRUPT)
