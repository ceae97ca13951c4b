"""The task of counting the uses of a share of the keys, and what its doer answers."""

from collections.abc import Iterator
from enum import StrEnum
from typing import TypeAlias

import msgspec

from ledger.use_scan import EVERYTHING, Share, Source, opened, scan
from projections.tallies import Piece
from projections.use_counts import UseCounts

REACHED_EVERY = 50_000


class Task(msgspec.Struct, frozen=True):
    """To count a share's uses up to a position, for some tables; with `past`, what had happened by then."""

    source: Source
    until: int
    tables: list[str]
    share: Share = EVERYTHING
    past: int | None = None


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


Answer: TypeAlias = Piece | Reached | Counted

encode = msgspec.msgpack.Encoder().encode
decode_answer = msgspec.msgpack.Decoder(Answer | Failed).decode


def answers(task: Task) -> Iterator[Answer]:
    """What comes of a task, as it comes."""
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
