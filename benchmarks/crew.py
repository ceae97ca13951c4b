"""Processes that write at once and one that reads on by position, from the same moment."""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from multiprocessing import get_context
from multiprocessing.connection import Connection
from time import perf_counter, sleep
from typing import Self

import msgspec
from psycopg.sql import SQL, Identifier

from benchmarks.postgresql_limit import Connected, connected, copy_unnumbered
from benchmarks.subject import Subject
from benchmarks.traffic import BATCH_SIZE, Traffic

UNORDERED = "unordered"

_PAUSE_S = 0.005
_LAST = SQL("SELECT coalesce(max(position), 0) FROM {}")
_NEXT = SQL("SELECT position FROM {} WHERE position > %s ORDER BY position LIMIT 10000")


class Way(StrEnum):
    """How uses are stored: by the ledger, or unordered, from typed uses or from rows built before."""

    LEDGER = "ledger"
    ENCODED = "encoded"
    PREBUILT = "prebuilt"


class Task(msgspec.Struct, frozen=True):
    """What each writer does in one run: so many batches from one number on."""

    way: Way
    first: int
    batches: int

    @property
    def table(self) -> Identifier:
        """Where the events go."""
        return Identifier("events" if self.way is Way.LEDGER else UNORDERED)


class Run(msgspec.Struct, frozen=True):
    """How long the writers took together, and how many events the reader saw."""

    seconds: float
    seen: int


class Crew:
    """Its processes live as long as the block: to start one takes longer than to write some batches."""

    def __init__(self, address: str, key_ids: Sequence[bytes], writers: int) -> None:
        spawn = get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for number in range(writers + 1):
            near, far = spawn.Pipe()
            target = _read_on if number == writers else _write
            process = spawn.Process(target=target, args=(far, address, key_ids, number, writers), daemon=True)
            process.start()
            far.close()
            self._pipes.append(near)
            self._processes.append(process)

    def run(self, task: Task) -> Run:
        """One run of all; they begin when all are ready."""
        *writers, reader = self._pipes
        for pipe in self._pipes:
            pipe.send(task)
        for pipe in self._pipes:
            pipe.recv()
        for pipe in self._pipes:
            pipe.send(None)
        times = [pipe.recv() for pipe in writers]
        reader.send(None)
        return Run(max(end for _, end in times) - min(begun for begun, _ in times), reader.recv())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join()


def _write(pipe: Connection, address: str, key_ids: Sequence[bytes], number: int, writers: int) -> None:
    subject = Subject(address)
    traffic = Traffic(key_ids)
    connection = connected(address)
    for task in _tasks(pipe):
        batches = range(task.first, task.first + task.batches)
        # The crew's batches alternate in time, as those of one moment do.
        work = [
            _append(task.way, subject, connection, traffic, batch * writers + number) for batch in batches
        ]
        _agree(pipe)
        begun = perf_counter()
        for append in work:
            append()
        pipe.send((begun, perf_counter()))


def _append(
    way: Way, subject: Subject, connection: Connected, traffic: Traffic, batch: int
) -> Callable[[], None]:
    uses = traffic.uses(batch * BATCH_SIZE, BATCH_SIZE)
    match way:
        case Way.LEDGER:
            return lambda: subject.record(uses)
        case Way.ENCODED:
            return lambda: copy_unnumbered(connection, UNORDERED, subject.rows(uses, 0))
        case Way.PREBUILT:
            rows = subject.rows(uses, 0)
            return lambda: copy_unnumbered(connection, UNORDERED, rows)


def _read_on(pipe: Connection, address: str, *_: object) -> None:
    connection = connected(address)
    for task in _tasks(pipe):
        ((last,),) = connection.execute(_LAST.format(task.table)).fetchall()
        _agree(pipe)
        pipe.send(_seen(pipe, connection, task, last))


def _seen(pipe: Connection, connection: Connected, task: Task, last: int) -> int:
    """How many events a reader by position saw, until the writers were done and nothing came any more."""
    query = _NEXT.format(task.table)
    seen = 0
    while True:
        is_last = pipe.poll()
        page = connection.execute(query, (last,)).fetchall()
        seen += len(page)
        if page:
            last = page[-1][0]
        elif is_last:
            pipe.recv()
            return seen
        else:
            sleep(_PAUSE_S)


def _tasks(pipe: Connection) -> Iterator[Task]:
    """The tasks that come, until the other end is closed."""
    while True:
        try:
            yield pipe.recv()
        except EOFError:
            return


def _agree(pipe: Connection) -> None:
    """Say that all is prepared, and wait for the word to begin."""
    pipe.send(None)
    pipe.recv()
