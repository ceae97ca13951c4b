"""The task of counting the uses of a share of the keys, and what its doer answers."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import groupby
from typing import TypeAlias, cast

import msgspec

from ledger.use_scan import EVERYTHING, Share, Source, opened, scan
from projections import sqlite_rows
from projections.sqlite_rows import Form
from projections.tallies import Piece
from projections.use_counts import Past, UseCounts

REACHED_EVERY = 50_000


class Task(msgspec.Struct, frozen=True):
    """To count a share's uses up to a position, for some tables; of some the doer keeps the rows."""

    source: Source
    until: int
    tables: list[str]
    share: Share = EVERYTHING
    past: Past | None = None
    kept: dict[str, Form] = {}


class Kept(msgspec.Struct, frozen=True, tag="kept"):
    """All rows for a table that came one after another: a private database of SQLite as bytes."""

    table: str
    image: bytes


class Reached(msgspec.Struct, frozen=True, tag="reached"):
    """How far one of those who share the work has come."""

    part: int
    position: int


class Counted(msgspec.Struct, frozen=True, tag="counted"):
    """All is handed over: how many uses were read, and the latest moment that any of them tells of."""

    part: int
    uses: int
    latest_at: int


class Failure(StrEnum):
    """What kept a task from being done."""

    CORRUPT = "corrupt"
    LOST = "lost"
    OTHER = "other"


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The task cannot be done, and why."""

    reason: str
    failure: Failure


Answer: TypeAlias = Piece | Reached | Kept | Counted

encode = msgspec.msgpack.Encoder().encode
decode_answer = msgspec.msgpack.Decoder(Answer | Failed).decode


def answers(task: Task) -> Iterator[Answer]:
    """What comes of a task, as it comes."""

    def kept(answer: Answer) -> str | None:
        return answer.table if isinstance(answer, Piece) and answer.table in task.kept else None

    for table, run in groupby(_counted(task), kept):
        if table is None:
            yield from run
        else:
            yield Kept(table, sqlite_rows.image(task.kept[table], cast("Iterator[Piece]", run)))


def _counted(task: Task) -> Iterator[Answer]:
    counts, due = UseCounts(task.tables, task.past), REACHED_EVERY
    with opened(task.source) as driver:
        for rows in scan(task.source.kind, driver, 0, task.until, task.share):
            counts.take(rows)
            position = rows[-1][0]
            if position >= due:
                yield Reached(task.share.part, position)
                due = position + REACHED_EVERY
                yield from counts.overflow()
    yield from counts.rest()
    yield Counted(task.share.part, counts.taken, counts.latest_at)
