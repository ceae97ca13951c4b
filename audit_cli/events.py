"""`keyledger events`: the raw log, a line for each event, for tools that collect such logs."""

from collections.abc import Callable
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias

import typer

from audit_cli import console
from audit_cli.failures import INTERRUPTED, WRONG_USAGE, tell, tell_of_interruption
from audit_cli.options import Options, command
from audit_cli.values import position

if TYPE_CHECKING:
    from audit_cli.interruption import Interruption
    from audit_cli.lines import Lines
    from audit_cli.progress import Progress
    from audit_cli.session import Session
    from ledger.recorded import Recorded

AGAIN = "interrupted; go on with --since and the position in the last whole line"

Shape: TypeAlias = Literal["jsonl", "cloudevents"]

app = typer.Typer(rich_markup_mode=None)


class EventsOptions(NamedTuple):
    """Which events, in what shape, and where to."""

    since: Annotated[
        int | None,
        typer.Option(
            parser=position,
            metavar="POSITION",
            help="Begin after it: the last one that you have.",
            show_default="0",
        ),
    ] = None
    until: Annotated[
        int | None,
        typer.Option(parser=position, metavar="POSITION", help="End with it.", show_default="the last"),
    ] = None
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new events as they come.")] = (
        False
    )
    form: Annotated[Shape, typer.Option("--format", help="JSON Lines, or CloudEvents 1.0.")] = "jsonl"
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to a file, anew.", show_default=False),
    ] = None


@command(app, "events")
def events(options: Options, asked: EventsOptions) -> None:
    """Export the organization's events, a JSON object a line.

    Every line tells its position: after a break go on with --since and the last position that you have.
    Events hold no secrets, but under `personal` the names, e-mail and IP addresses of people.

    Example: keyledger events --since 1200 --follow >> events.jsonl
    """
    from audit_cli.interruption import Interruption
    from audit_cli.lines import lines_to
    from audit_cli.session import open_session
    from ledger.log import check_since

    since, until, follow = asked.since or 0, asked.until, asked.follow
    if until is not None and until < since:
        tell(f"--until {until} comes before --since {since}: there is nothing between")
        raise typer.Exit(WRONG_USAGE)
    target = console.Target(asked.output)
    stops = (SIGINT, SIGTERM) if follow else (SIGINT,)
    with open_session(options) as session, Interruption(*stops) as interruption:
        check_since(session.database, since)
        with lines_to(target) as lines:
            export = _Export(session, interruption, lines, _shape(asked.form), since)
            try:
                _run(export, until, follow=follow)
            except KeyboardInterrupt:
                if not follow or until is not None:
                    tell_of_interruption(AGAIN)
                    raise typer.Exit(INTERRUPTED) from None


def _run(export: "_Export", until: int | None, *, follow: bool) -> None:
    from audit_cli.progress import progress
    from audit_cli.wording import counted

    if follow:
        export.follow(until)
        return
    with progress("exporting") as bar:
        # A bar among the lines on a screen would be in their way.
        export.up_to(until, None if console.is_on_screen() else bar)
    console.note(f"Exported {counted(export.count, 'event')}; go on later with --since {export.position}.")


def _shape(form: Shape) -> "Callable[[Recorded], dict[str, Any]]":
    from audit_cli.show_event import event_object
    from ledger.cloudevents import cloud_event

    return cloud_event if form == "cloudevents" else event_object


class _Export:
    """One run: where it is, and what it writes with."""

    def __init__(
        self,
        session: "Session",
        interruption: "Interruption",
        lines: "Lines",
        shape: "Callable[[Recorded], dict[str, Any]]",
        since: int,
    ) -> None:
        self.position = since
        self.count = 0
        self._session = session
        self._interruption = interruption
        self._lines = lines
        self._shape = shape

    def up_to(self, until: int | None, bar: "Progress | None" = None) -> None:
        """Write what is there, up to a position."""
        from ledger.log import last_position, stretches

        self._session.settle()
        start, last = self.position, last_position(self._session.database)
        goal = last if until is None else min(last, until)
        for stretch in stretches(self._session.database, self._session.organization.id, start, goal):
            self._write(stretch.found)
            self.position = stretch.end
            if bar:
                bar.reach(stretch.end - start, goal - start)

    def follow(self, until: int | None) -> None:
        """Write what is there and then what comes, until a position is reached."""
        from audit_cli.keeping_up import keep_up

        def work() -> bool:
            self.up_to(until)
            is_done = until is not None and self.position >= until
            if not is_done:
                self._lines.check_read()
            return is_done

        keep_up(self._session.database, self._interruption, work)

    def _write(self, found: "list[Recorded]") -> None:
        import msgspec

        lines = b"".join(msgspec.json.encode(self._shape(each)) + b"\n" for each in found)
        with self._interruption.welcome():
            self._lines.write(lines)
        self.count += len(found)
