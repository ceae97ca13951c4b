"""The task of counting the uses of a share of the keys, and what its doer answers."""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from ledger.use_scan import Source, opened, scan
from projections.tallies import Piece
from projections.use_counts import EVERYTHING, Share, UseCounts

REACHED_EVERY = 50_000


class Task(msgspec.Struct, frozen=True):
    """Count the uses of a share of the keys up to a position, for some tables."""

    source: Source
    until: int
    tables: list[str]
    share: Share = EVERYTHING


class Reached(msgspec.Struct, frozen=True, tag="reached"):
    """How far one of those who share the work has come."""

    part: int
    position: int


class Counted(msgspec.Struct, frozen=True, tag="counted"):
    """All is handed over; the latest moment that any of the uses tells of."""

    part: int
    latest_at: int


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The task cannot be done, and why."""

    reason: str
    is_corrupt: bool


Answer: TypeAlias = Piece | Reached | Counted

encode = msgspec.msgpack.Encoder().encode
decode_answer = msgspec.msgpack.Decoder(Answer | Failed).decode


def answers(task: Task) -> Iterator[Answer]:
    """What comes of a task, as it comes."""
    counts, due = UseCounts(task.tables, task.share), REACHED_EVERY
    with opened(task.source) as driver:
        for rows in scan(task.source.kind, driver, 0, task.until):
            counts.take(rows)
            if rows[-1][0] >= due:
                yield Reached(task.share.part, rows[-1][0])
                due = rows[-1][0] + REACHED_EVERY
                yield from counts.overflow()
    yield from counts.rest()
    yield Counted(task.share.part, counts.latest_at)
