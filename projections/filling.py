"""Filling new tables from the events, by several processes where there are many."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from os import cpu_count
from typing import TypeAlias

import msgspec
from sqlalchemy import Connection

from ledger.database import Database
from ledger.use_scan import SQLITE
from projections import rows
from projections.as_of import clip
from projections.source import source_of
from projections.stretch import lives_end, read_lives, require_all_uses
from projections.tables import KeyTables
from projections.tallies import Piece
from projections.use_counts import DAYS, USE_TABLES, Past
from projections.use_task import Answer, Counted, Kept, Reached, Task, answers

# Below it, processes of their own take longer to start than they save.
PARALLEL_FROM = 200_000
WORKERS = min(cpu_count() or 1, 4)
# About two kilobytes each while they become rows.
LIVES_AT_ONCE = 5_000
CACHE_KB = 16_384

OnProgress: TypeAlias = Callable[[int, int], object]
Writing: TypeAlias = Callable[[], AbstractContextManager[Connection]]


class Extent(msgspec.Struct, frozen=True):
    """What part of a ledger is told: up to a position, and of that what had happened by a moment of the past.

    No use beyond `uses_until` is of interest, nor are the days before `first_day`.
    """

    until: int
    uses_until: int
    past: int | None = None
    first_day: int = 0


class Target(msgspec.Struct, frozen=True):
    """New tables, and how to begin a transaction that fills them.

    A private database in memory can also `take_in` the rows of a table of another one, handed over as bytes.
    """

    tables: KeyTables
    writing: Writing
    take_in: Callable[[str, bytes], object] | None = None


def fill(
    source: Database,
    target: Target,
    extent: Extent,
    on_progress: OnProgress | None = None,
    lives: Callable[[], int] | None = None,
) -> None:
    """Bring new tables to a position, in transactions that are short for those who wait for the lock.

    `lives` adds what is no use in another way than from all events, as `fill_lives` does.
    """
    tables, writing = target.tables, target.writing
    lives = lives or partial(fill_lives, source, target, extent)
    wanted = [name for name in USE_TABLES if name + tables.suffix in tables.metadata.tables]
    until = extent.uses_until
    with _counting(source, target, extent, wanted) as answering:
        latest_at = lives() if tables.has_lives else 0
        passed: dict[int, int] = {}
        uses = 0
        for answer in _explained(source, answering):
            match answer:
                case Piece():
                    with writing() as connection:
                        _keep_small(connection)
                        _add_new(connection, tables, answer)
                case Kept():
                    if target.take_in:
                        target.take_in(answer.table, answer.image)
                case Reached():
                    passed[answer.part] = answer.position
                case Counted():
                    passed[answer.part] = until
                    uses += answer.uses
                    latest_at = max(latest_at, answer.latest_at)
            if on_progress and passed:
                on_progress(sum(passed.values()) // len(passed), until)
    with source.read() as connection:
        require_all_uses(connection, 0, until, uses)
    with writing() as connection:
        rows.reach(connection, tables, extent.until, latest_at)


def fill_lives(source: Database, target: Target, extent: Extent) -> int:
    """Add what is no use, from its events; returns the latest moment that any of it tells of."""
    clipped = None if extent.past is None else partial(clip, at=extent.past)
    position = latest_at = 0
    while position < extent.until:
        with source.read() as connection:
            end = lives_end(connection, position, extent.until, LIVES_AT_ONCE)
            batch = read_lives(connection, position, end, clipped)
        with target.writing() as connection:
            rows.apply(connection, target.tables, batch)
        position, latest_at = end, max(latest_at, batch.latest_at)
    return latest_at


def _explained(source: Database, answering: Iterator[Answer]) -> Iterator[Answer]:
    """The answers, and what goes wrong while one is awaited in our own words."""
    while True:
        with source.explained():
            answer = next(answering, None)
        if answer is None:
            return
        yield answer


def _counting(
    database: Database, target: Target, extent: Extent, tables: list[str]
) -> AbstractContextManager[Iterator[Answer]]:
    past = None if extent.past is None else Past(extent.past, extent.first_day)
    task = Task(source_of(database), extent.uses_until, tables, past=past)
    if task.until < PARALLEL_FROM or WORKERS == 1:
        return nullcontext(answers(task))
    from projections.use_crew import crew, tasks_of  # noqa: PLC0415 - most commands need no processes

    if target.take_in and hasattr(sqlite3.Connection, "serialize"):
        # What each process has put together is taken over in a sixth of the time that its rows would take.
        of_uses = [target.tables.metadata.tables[name] for name in tables if name != DAYS]
        task = msgspec.structs.replace(task, kept={table.name: rows.form_of(table) for table in of_uses})
    return crew(tasks_of(task, WORKERS))


def _add_new(connection: Connection, tables: KeyTables, piece: Piece) -> None:
    table = tables.metadata.tables[piece.table + tables.suffix]
    if not rows.add_if_new(connection, table, piece):
        rows.add(connection, table, piece)


def _keep_small(connection: Connection) -> None:
    """Let SQLite hold few pages: sorted rows touch each page once."""
    if connection.dialect.name == SQLITE:
        connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE_KB}")
