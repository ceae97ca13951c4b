"""Processes of their own that tell what was acknowledged to them, until they are stopped or killed."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Line
from threading import Thread
from time import monotonic, sleep
from typing import Any

PATIENCE_S = 120

_spawn = multiprocessing.get_context("spawn")


class Worker:
    """`told` holds, in order, what the process has sent; its task stops once its line has a word for it."""

    def __init__(self, task: Callable[..., object], *arguments: object) -> None:
        self.told: list[Any] = []
        self._line, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=task, args=(theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()
        # A pipe holds little: whoever waits for its reader is not at work.
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        try:
            while True:
                self.told.append(self._line.recv())
        except (EOFError, OSError):
            return

    def await_word(self, more_than: int = 0) -> None:
        """Wait until it has told something (more than so many things)."""
        end = monotonic() + PATIENCE_S
        while len(self.told) <= more_than:
            assert self._process.is_alive(), f"ended with {self._process.exitcode} before its work"
            assert monotonic() < end, "nothing more was acknowledged"
            sleep(0.005)

    def kill(self) -> None:
        os.kill(self._process.pid or 0, signal.SIGKILL)
        self._process.join(PATIENCE_S)
        self._listener.join(PATIENCE_S)

    def stop(self, word: object = "stop") -> None:
        self._line.send(word)

    def finish(self, patience_s: float = PATIENCE_S) -> list[Any]:
        """All that it told, once it has ended by itself, which must be well."""
        self._process.join(patience_s)
        self._listener.join(PATIENCE_S)
        assert self._process.exitcode == 0
        return self.told

    def end(self) -> None:
        if self._process.is_alive():
            self.kill()
        self._line.close()


@contextmanager
def crew() -> Iterator[Callable[..., Worker]]:
    """Give a way to start workers, none of which outlives the block."""
    workers: list[Worker] = []

    def start(task: Callable[..., object], *arguments: object) -> Worker:
        workers.append(Worker(task, *arguments))
        return workers[-1]

    try:
        yield start
    finally:
        for worker in workers:
            worker.end()


__all__ = ["PATIENCE_S", "Line", "Worker", "crew"]
