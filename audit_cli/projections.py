"""`keyledger projections`: the read side's rows, how far they are and whether they are right."""

from contextlib import suppress
from datetime import timedelta
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from audit_cli import console
from audit_cli.failures import CORRUPT, tell
from audit_cli.options import Options, command
from audit_cli.values import FormatOption, duration

if TYPE_CHECKING:
    from audit_cli.interruption import Interruption
    from audit_cli.session import Session

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


@command(app, "run")
def run(
    options: Options,
    interval: Annotated[
        timedelta, typer.Option(parser=duration, metavar="DURATION", help="How long to rest between rounds.")
    ] = timedelta(seconds=1),
) -> None:
    """Keep the read side up to date until stopped.

    Readers then find little to catch up with. Several may run at once; Ctrl-C or SIGTERM ends one.

    Example: keyledger projections run --interval 5s
    """
    from audit_cli.interruption import Interruption
    from audit_cli.keeping_up import keep_up
    from audit_cli.session import open_session

    with open_session(options) as session, Interruption(SIGINT, SIGTERM) as interruption:
        running = _Running(session, interruption)
        with suppress(KeyboardInterrupt):
            keep_up(session.database, interruption, running.round, interval.total_seconds())


class _Running:
    """Rounds of catching up; tells the first of them, and those that have much to do."""

    def __init__(self, session: "Session", interruption: "Interruption") -> None:
        self._session = session
        self._interruption = interruption
        self._is_first = True

    def round(self) -> bool:
        """Catch up once; never says that this was all."""
        from projections import catch_up
        from projections.stretch import BATCH_SIZE

        self._session.settle()
        behind = catch_up.status(self._session.database).behind
        if is_worth_telling := self._is_first or behind > BATCH_SIZE:
            tell(f"{behind:,} events behind")
        position = catch_up.catch_up(self._session.database, self._between_batches)
        if is_worth_telling:
            tell(f"up to date at position {position:,}")
        self._is_first = False
        return False

    def _between_batches(self, _position: int, _goal: int) -> None:
        """Nothing is being written at this moment, so this is where to stop."""
        with self._interruption.welcome():
            pass


@command(app, "rebuild")
def rebuild(
    options: Options,
    only: Annotated[
        Literal["key_usage", "key_days", "key_addresses"] | None,
        typer.Option(help="Build anew this table of counted uses alone."),
    ] = None,
) -> None:
    """Build the read side anew from the events.

    Readers see the old rows meanwhile. Of several at once the last to begin goes on.

    Example: keyledger projections rebuild --only key_usage
    """
    from audit_cli.progress import progress
    from audit_cli.session import open_session
    from projections.rebuild import rebuild

    with open_session(options) as session, progress("rebuilding") as bar:
        position = rebuild(session.database, bar.reach, only and {only})
    console.result(f"Rebuilt from {position:,} events.\n")


@command(app, "check")
def check(options: Options) -> None:
    """Compare the read side with the events.

    Exits with 4 where they differ.

    Example: keyledger projections check
    """
    from audit_cli.progress import progress
    from audit_cli.session import open_session
    from projections.difference import differences

    with open_session(options) as session, progress("checking") as bar:
        found = differences(session.database, bar.reach)
    if not found:
        console.result("The read side is what the events say.\n")
        return
    console.result("".join(f"{line}\n" for line in found))
    tell("the read side differs from the events; `keyledger projections rebuild` builds it anew")
    raise typer.Exit(CORRUPT)
