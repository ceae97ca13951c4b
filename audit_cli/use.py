"""`keyledger use`: uses as services write them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from audit_cli.intake import IntakeFormatOption, take_in
from audit_cli.options import Options, command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_cli.progress import Progress
    from audit_cli.session import Session
    from ledger.importers.ndjson import Resolve
    from ledger.usage import Refusal, Use

STANDARD_INPUT = "-"
AGAIN = "sending it again is safe for lines that carry an id"

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
    form: IntakeFormatOption = "table",
) -> None:
    """Append uses, a JSON object a line.

    Each needs key, service and occurred_at. Optional: id, caller, reporter, source_ip, user_agent, error,
    error_count, count, last_at. A line with an id may be sent again: it counts once. A line that is refused
    is told with its number; the others are kept.

    Example: keyledger use append uses.ndjson --reporter gateway
    """
    from audit_cli.session import open_session

    with open_session(options) as session:
        take_in(session, lambda bar, _warn: _uses(session, file, reporter, bar), form, again=AGAIN)


def _uses(session: "Session", file: str, reporter: str | None, bar: "Progress") -> "Iterator[Use | Refusal]":
    from msgspec.structs import replace

    from ledger.importers.files import bounded_lines
    from ledger.importers.ndjson import MAX_LINE, read_uses
    from ledger.usage import Use

    with _opened(file, bar) as stream:
        for item in read_uses(bounded_lines(stream, MAX_LINE), _resolver(session)):
            if reporter and isinstance(item, Use) and item.reporter is None:
                yield replace(item, reporter=reporter)
            else:
                yield item


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
