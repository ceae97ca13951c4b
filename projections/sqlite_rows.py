"""Rows of counted uses added by SQLite's driver alone, as in a process that knows nothing else of it."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

import msgspec

from projections.tallies import Piece

# SQLite may have been built to take 999 values in a statement at most; no table is wider than ten columns.
_ROWS_AT_ONCE = 80


class Form(msgspec.Struct, frozen=True):
    """How a table is made, how wide it is, and what adds rows to it: before and after their values."""

    creation: str
    width: int
    before: str
    after: str

    def insertion(self, values: str) -> str:
        """The statement that adds what `VALUES ...` or `SELECT ...` give."""
        return f"{self.before} {values} {self.after}"


def add(driver: Any, form: Form, piece: Piece) -> None:  # noqa: ANN401 - SQLAlchemy types it so
    """Many rows a statement, which takes a fifth less time than one row each."""
    row = f"({', '.join('?' * form.width)})"
    columns = piece.columns(form.width)
    values: list[object] = [None] * (form.width * len(columns[0]))
    for number, column in enumerate(columns):
        values[number :: form.width] = _bindable(column)
    begun = 0
    for rows in (_ROWS_AT_ONCE, 1):
        width = rows * form.width
        end = len(values) - (len(values) - begun) % width
        groups = (values[at : at + width] for at in range(begun, end, width))
        driver.executemany(form.insertion(f"VALUES {', '.join([row] * rows)}"), groups)
        begun = end


def image(form: Form, pieces: Iterable[Piece]) -> bytes:
    """A private database that holds these rows alone."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        # Fewer, larger pages are filled and handed over sooner; of what fails nothing is kept.
        connection.execute("PRAGMA page_size = 65536")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute(form.creation)
        connection.execute("BEGIN")
        for piece in pieces:
            add(connection, form, piece)
        connection.commit()
        return connection.serialize()


def _bindable(column: Sequence[Any]) -> Sequence[object]:
    """As bytearrays, which SQLite's driver takes as they are: for bytes it looks for an adapter first."""
    return list(map(bytearray, column)) if isinstance(column[0], bytes) else column
