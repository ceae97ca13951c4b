"""A bar for long work: on a terminal only, and only once the work has taken a second."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TextIO

import typer

from ledger.moments import format_duration

QUIET_S = 1.0
INTERVAL_S = 0.1

_WIDTH = 30
_ERASE = "\r\x1b[K"


class Progress:
    """Draws `label [####......] 42%, 10s left` on standard error while work goes on."""

    def __init__(self, label: str, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._label = label
        self._stream = stream
        self._clock = clock
        self._due = clock() + QUIET_S
        self._visible = False
        self._done = 0
        self._began: tuple[float, int] | None = None
        self.total = 0

    def advance(self, amount: int) -> None:
        """So much more is done."""
        self.reach(self._done + amount, self.total)

    def reach(self, done: int, total: int) -> None:
        """So much of the total is done."""
        self._done, self.total = done, total
        self._began = self._began or (self._clock(), done)
        if not self._stream.isatty() or self._clock() < self._due:
            return
        self._due = self._clock() + INTERVAL_S
        share = min(done / total, 1.0) if total else 0.0
        bar = ("#" * int(share * _WIDTH)).ljust(_WIDTH, ".")
        self._stream.write(f"{_ERASE}{self._label} [{bar}] {share:4.0%}{self._left()}")
        self._stream.flush()
        self._visible = True

    def _left(self) -> str:
        """How long it will take at the pace so far; what an earlier run did is no part of it."""
        at, before = self._began or (0.0, 0)
        done = self._done - before
        if done <= 0 or self.total <= self._done:
            return ""
        seconds = round((self._clock() - at) * (self.total - self._done) / done)
        return f", {format_duration(timedelta(seconds=seconds))} left"

    def say(self, text: str) -> None:
        """Write a line above the bar."""
        self.clear()
        typer.echo(text, file=self._stream)

    def clear(self) -> None:
        """Take the bar off the screen."""
        if self._visible:
            self._stream.write(_ERASE)
            self._stream.flush()
            self._visible = False


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """A bar that is gone when the work is over, whichever way."""
    bar = Progress(label, sys.stderr)
    try:
        yield bar
    finally:
        bar.clear()
