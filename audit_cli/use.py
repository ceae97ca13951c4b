"""`keyledger use`: uses as services write them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from audit_cli.intake import UseFormat, take_in
from audit_cli.options import Options, command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_cli.progress import Progress
    from audit_cli.session import Session
    from ledger.importers.ndjson import Resolve
    from ledger.intake import Flush
    from ledger.usage import Refusal, Use

STANDARD_INPUT = "-"
AGAIN = "go on with --skip {reached}"

_REMEMBERED = 65536

app = typer.Typer(rich_markup_mode=None)


@command(app, "append")
def append(
    options: Options,
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="NDJSON, plain or gzip.", show_default="standard input")
    ] = STANDARD_INPUT,
    reporter: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who reports the lines that do not say it.")
    ] = None,
    skip: Annotated[
        int, typer.Option(min=0, metavar="LINES", help="Pass over the first lines, as acknowledged before.")
    ] = 0,
    form: Annotated[
        UseFormat, typer.Option("--format", help="The summary; `jsonl` also tells each batch on disk.")
    ] = "table",
) -> None:
    """Append uses, a JSON object a line.

    Each needs key, service and occurred_at. Optional: id, caller, reporter, source_ip, user_agent, error,
    error_count, count, last_at. A line that is refused is told with its number; the others are kept.

    A line with an id may be sent again: it counts once. For a producer on a pipe, --format jsonl tells
    {"lines": N, ...} as soon as all up to line N are on disk or refused, some 200 ms after they came: to
    resume, go on after N, or send everything again with --skip N.

    Example: keyledger use append uses.ndjson --reporter gateway
    """
    from audit_cli.session import open_session

    with open_session(options) as session:
        take_in(session, lambda bar, _warn: _uses(session, file, reporter, skip, bar), form, again=AGAIN)


def _uses(
    session: "Session", file: str, reporter: str | None, skip: int, bar: "Progress"
) -> "Iterator[Use | Refusal | Flush]":
    from msgspec.structs import replace

    from ledger.importers.ndjson import read_uses
    from ledger.usage import Use

    with _opened(file, bar) as stream:
        for item in read_uses(_lines(stream, is_pipe=file == STANDARD_INPUT), _resolver(session), skip):
            if reporter and isinstance(item, Use) and item.reporter is None:
                yield replace(item, reporter=reporter)
            else:
                yield item


def _lines(stream: BinaryIO, *, is_pipe: bool) -> "Iterator[bytes | Flush]":
    from ledger.importers.files import bounded_lines
    from ledger.importers.ndjson import MAX_LINE
    from ledger.importers.pipe import is_of_the_system, lines_as_they_come

    if is_pipe and is_of_the_system(stream):
        return lines_as_they_come(stream, MAX_LINE)
    return bounded_lines(stream, MAX_LINE)


def _opened(file: str, bar: "Progress") -> BinaryIO:
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
