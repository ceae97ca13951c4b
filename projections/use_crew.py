"""The processes that count uses at once, a part of the work each, and what they hand over."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection, wait
from os import dup
from subprocess import PIPE, Popen
from typing import IO, cast

import msgspec

from ledger.database import ConnectionLost
from ledger.errors import LedgerCorrupt, LedgerUnavailable
from ledger.use_scan import Share
from projections.use_task import Answer, Counted, Failed, Failure, Task, decode_answer, encode

# `-P`: whatever lies in the working folder is none of this program's.
COMMAND = (sys.executable, "-P", "-m", "projections.use_worker")


@contextmanager
def crew(tasks: Iterable[Task]) -> Iterator[Iterator[Answer]]:
    """The answers of a process for each task; all start at once and are gone when the block is left."""
    with ExitStack() as stack:
        yield _answers([stack.enter_context(_worker(task)) for task in tasks])


def tasks_of(task: Task, workers: int) -> list[Task]:
    """The work in as many parts, by keys: together they hold no more than one would."""
    return [msgspec.structs.replace(task, share=Share(part, workers)) for part in range(workers)]


@contextmanager
def _worker(task: Task) -> Iterator[Connection]:
    with Popen(COMMAND, stdin=PIPE, stdout=PIPE) as process:  # noqa: S603 - our own module
        try:
            # One that is gone already is met where its answer is missing.
            with suppress(BrokenPipeError), _end(process.stdin, writes=True) as asking:
                asking.send_bytes(encode(task))
            with _end(process.stdout, writes=False) as answering:
                yield answering
        finally:
            process.kill()


def _end(pipe: IO[bytes] | None, *, writes: bool) -> Connection:
    """A pipe's end for whole messages, which is closed apart from it."""
    number = dup(cast("IO[bytes]", pipe).fileno())
    return Connection(number, readable=not writes, writable=writes)


def _answers(waiting: list[Connection]) -> Iterator[Answer]:
    while waiting:
        ready = wait(waiting)
        for connection in [each for each in waiting if each in ready]:
            answer = _receive(connection)
            if isinstance(answer, Counted):
                waiting.remove(connection)
            yield answer


def _receive(connection: Connection) -> Answer:
    try:
        answer: Answer | Failed = decode_answer(connection.recv_bytes())
    except (EOFError, ConnectionResetError):
        raise LedgerUnavailable(
            "a process that counted uses was ended from outside (is memory short?); run it again"
        ) from None
    if isinstance(answer, Failed):
        raise _ERRORS[answer.failure](answer.reason)
    return answer


_ERRORS = {
    Failure.CORRUPT: LedgerCorrupt,
    Failure.LOST: ConnectionLost,
    Failure.OTHER: LedgerUnavailable,
}
