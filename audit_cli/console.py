"""What a command writes: its result to standard output or a file, everything else to standard error."""

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import typer

from ledger.errors import InvalidInput

MAX_WIDTH = 160


def result(text: str) -> None:
    """Write (a part of) the result; the text brings its own newlines."""
    typer.echo(text, nl=False, color=is_coloured() or None)


def result_json(value: object) -> None:
    """Write a result for machines: indented JSON."""
    result(json_text(value))


def json_text(value: object) -> str:
    """A document as indented JSON."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def result_line(value: object) -> None:
    """Write a part of a result for machines: an object on a line of its own."""
    import msgspec

    result(msgspec.json.encode(value).decode() + "\n")


def note(text: str) -> None:
    """Say something that is not the result: a hint, a summary, a refusal. Unread, it fails nothing."""
    with suppress(OSError):
        typer.echo(harmless(text), err=True)


def harmless(text: str) -> str:
    """The lines with nothing in them by which a name of strangers could steer a terminal."""
    if text.replace("\n", "").isprintable():
        return text
    from audit_cli.reports.terminal import printable

    return "\n".join(map(printable, text.split("\n")))


def aside(text: str) -> None:
    """Say faintly what whoever reads it may know already."""
    is_faint = _bears_colour() and sys.stderr is not None and sys.stderr.isatty()
    typer.echo(typer.style(harmless(text), dim=True) if is_faint else harmless(text), err=True)


def width() -> int:
    """The columns to fill: the terminal's, or 80 where the result goes elsewhere."""
    return min(shutil.get_terminal_size().columns, MAX_WIDTH)


def is_coloured() -> bool:
    """Whether the result may be coloured: on a terminal, unless NO_COLOR says otherwise."""
    return _bears_colour() and is_on_screen()


def _bears_colour() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_on_screen() -> bool:
    """Whether the result goes to a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def is_interactive() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], flexible: Sequence[int] = ()) -> str:
    """A table no wider than the terminal: flexible columns are wrapped to what the others leave."""
    from tabulate import MIN_PADDING, tabulate

    from audit_cli.reports.terminal import printable, wrapped

    cells = [[printable("" if cell is None else str(cell)) for cell in row] for row in rows]
    # tabulate leaves room beside its headers.
    padded = [header + " " * MIN_PADDING for header in headers]
    widths = [max(map(len, column)) for column in zip(padded, *cells, strict=True)]
    for column, limit in _shrunk(widths, flexible, width() - _GAP * (len(widths) - 1)).items():
        for row in cells:
            row[column] = wrapped(row[column], limit)
    right = [all(isinstance(row[n], int | None) for row in rows) for n in range(len(headers))]
    align = ["right" if is_number else "left" for is_number in right]
    return tabulate(cells, headers, "simple", disable_numparse=True, colalign=align if rows else None) + "\n"


_GAP = 2
_LEAST = 8
_FAVOUR = 4


def _shrunk(widths: Sequence[int], flexible: Sequence[int], room: int) -> dict[int, int]:
    """How wide the flexible columns may be; the widest gives way, the first column a little later."""
    limits = {column: widths[column] for column in flexible}
    while sum(widths) - sum(widths[n] for n in limits) + sum(limits.values()) > room:
        widest = max(limits, key=lambda column: limits[column] - (0 if column else _FAVOUR), default=None)
        if widest is None or limits[widest] <= _LEAST:
            break
        limits[widest] -= 1
    return {column: limit for column, limit in limits.items() if limit < widths[column]}


class Target:
    """Where a report goes: a file, looked at before the long work begins, or standard output."""

    def __init__(self, path: Path | None) -> None:
        self.path = None if path is None or str(path) == "-" else path
        if self.path is not None:
            _check_writable(self.path)

    def write(self, text: str) -> None:
        """Write the whole report."""
        if self.path is None:
            result(text)
            return
        try:
            # Formats choose their own line ends.
            with self.path.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            raise InvalidInput(f"{self.path} cannot be written: {error.strerror}") from None


def _check_writable(path: Path) -> None:
    folder = path.parent
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; name a file for the output")
    if not folder.is_dir():
        raise InvalidInput(f"the folder {folder} does not exist; make it before writing {path.name} into it")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise InvalidInput(f"{path} may not be written; choose another file or change its rights")
