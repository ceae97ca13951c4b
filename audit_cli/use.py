"""`keyledger use`: uses as services write them."""

import os
import sys
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple, TypeVar

import typer

from audit_cli import console
from audit_cli.intake import UseFormat, take_in
from audit_cli.options import Options, command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_cli.progress import Progress
    from audit_cli.session import Session
    from ledger.coverage import Heartbeat
    from ledger.importers.ndjson import Resolve
    from ledger.intake import Flush, Item
    from ledger.usage import Refusal, Use

LineT = TypeVar("LineT")

STANDARD_INPUT = "-"
AGAIN = "go on with --skip {reached}"

_REMEMBERED = 65536
_WAKE_EVERY_S = 60.0

app = typer.Typer(rich_markup_mode=None)


class AppendOptions(NamedTuple):
    """Where the uses come from, and how they are taken in."""

    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="NDJSON, plain or gzip.", show_default="standard input")
    ] = STANDARD_INPUT
    reporter: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who reports the lines that do not say it.")
    ] = None
    skip: Annotated[
        int, typer.Option(min=0, metavar="LINES", help="Pass over the first lines, as acknowledged before.")
    ] = 0
    heartbeat: Annotated[
        bool, typer.Option("--heartbeat", help="Declare that the reporter tells all uses that it sees.")
    ] = False
    form: Annotated[
        UseFormat, typer.Option("--format", help="The summary; `jsonl` also tells each batch on disk.")
    ] = "table"

    def check(self) -> None:
        """BadParameter for what does not go together."""
        if self.heartbeat and not self.reporter:
            raise typer.BadParameter("--heartbeat needs --reporter: say who it is that vouches for the uses")


@command(app, "append", at_server="uses.append")
def append(options: Options, asked: AppendOptions) -> None:
    """Append uses, a JSON object a line.

    Each needs key, service and occurred_at. Optional: id, caller, reporter, source_ip, user_agent, error,
    error_count, count, last_at. A line that is refused is told with its number; the others are kept.

    A line with an id may be sent again: it counts once. For a producer on a pipe, --format jsonl tells
    {"lines": N, ...} as soon as all up to line N are on disk or refused, some 200 ms after they came: to
    resume, go on after N, or send everything again with --skip N.

    With --heartbeat a pipe declares every 15 minutes, and at its end, that all until then is on disk; a file
    declares the time from its first use to its last. Time in which a line was refused is left out. Once a
    reporter has begun, its silence makes keys `no data`: see `keyledger coverage`.

    Example: keyledger use append uses.ndjson --reporter gateway
    """
    from audit_cli.session import open_session

    asked.check()
    with open_session(options) as session:
        beats = _heartbeat(session, asked)
        take_in(
            session,
            lambda bar, _warn: _uses(session, asked, beats, bar),
            asked.form,
            again=AGAIN,
            on_refused=beats.lose if beats else lambda: None,
        )


def _heartbeat(session: "Session", asked: AppendOptions) -> "Heartbeat | None":
    from audit_cli.wording import moment
    from ledger.coverage import Heartbeat

    if not (asked.heartbeat and asked.reporter):
        return None

    def tell_undeclared(start: int, end: int) -> None:
        console.note(f"Not declared as covered, since lines were refused: {moment(start)} to {moment(end)}.")

    return Heartbeat(asked.reporter, session.ledger.clock, tell_undeclared, asked.skip)


def _uses(
    session: "Session", asked: AppendOptions, beats: "Heartbeat | None", bar: "Progress"
) -> "Iterator[Item]":
    with opened(asked.file, bar) as stream:
        is_live = asked.file == STANDARD_INPUT and not _is_file(stream)
        lines = lines_of(stream, is_pipe=asked.file == STANDARD_INPUT, wakes=beats is not None)
        uses = _reported(lines, _resolver(session), asked.reporter, asked.skip)
        if beats is None:
            yield from uses
        else:
            yield from beats.beating(uses) if is_live else beats.spanning(uses)


def _reported(
    lines: "Iterator[bytes | Flush]", resolve: "Resolve", reporter: str | None, skip: int
) -> "Iterator[Use | Refusal | Flush]":
    from msgspec.structs import replace

    from ledger.importers.ndjson import read_uses
    from ledger.usage import Use

    for item in read_uses(lines, resolve, skip):
        if reporter and isinstance(item, Use) and item.reporter is None:
            yield replace(item, reporter=reporter)
        else:
            yield item


def lines_of(stream: BinaryIO, *, is_pipe: bool, wakes: bool) -> "Iterator[bytes | Flush]":
    """The lines; those of a pipe as they come, with a Flush where it rests, again and again if it `wakes`."""
    from ledger.importers.files import bounded_lines
    from ledger.importers.ndjson import MAX_LINE
    from ledger.importers.pipe import is_of_the_system, lines_as_they_come

    if is_pipe and is_of_the_system(stream):
        return _readable(lines_as_they_come(stream, MAX_LINE, _WAKE_EVERY_S if wakes else None))
    return _readable(bounded_lines(stream, MAX_LINE))


def _readable(lines: "Iterator[LineT]") -> "Iterator[LineT]":
    from ledger.errors import InvalidInput
    from ledger.importers.files import UNREADABLE, why_unreadable

    try:
        yield from lines
    except UNREADABLE as error:
        raise InvalidInput(why_unreadable(error)) from None


def _is_file(stream: BinaryIO) -> bool:
    """Whether standard input is a file that was redirected: it ends, whatever is written later."""
    from ledger.importers.pipe import is_of_the_system

    return is_of_the_system(stream) and S_ISREG(os.fstat(stream.fileno()).st_mode)


def opened(file: str, bar: "Progress") -> BinaryIO:
    """The file, or standard input; InvalidInput for what cannot be read."""
    from ledger.errors import InvalidInput
    from ledger.importers.files import UNREADABLE, open_file, total_size, why_unreadable

    if file == STANDARD_INPUT:
        if sys.stdin is not None and sys.stdin.isatty():
            bar.say("Reading uses from this terminal; Ctrl-D ends.")
        return typer.get_binary_stream("stdin")
    path = Path(file)
    bar.total = total_size([path])
    try:
        return open_file(path, bar.advance)
    except UNREADABLE as error:
        raise InvalidInput(f"{file}: {why_unreadable(error)}") from None


def _resolver(session: "Session") -> "Resolve":
    """What a text means as a key; a name that means several is told, an unknown one is None."""
    from functools import lru_cache

    from ledger.errors import NotFound

    @lru_cache(_REMEMBERED)
    def resolve(reference: str) -> bytes | None:
        try:
            return session.key(reference).key_id
        except NotFound:
            return None

    return resolve
