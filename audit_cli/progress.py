"""A bar for long work: on a terminal only, and only once the work has taken a second."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

import typer

QUIET_S = 1.0
INTERVAL_S = 0.1

_WIDTH = 30
_ERASE = "\r\x1b[K"


class Progress:
    """Draws `label [####......] 42 %` on standard error while work goes on."""

    def __init__(self, label: str, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._label = label
        self._stream = stream
        self._clock = clock
        self._due = clock() + QUIET_S
        self._visible = False
        self._done = 0
        self.total = 0

    def advance(self, amount: int) -> None:
        """So much more is done."""
        self.reach(self._done + amount, self.total)

    def reach(self, done: int, total: int) -> None:
        """So much of the total is done."""
        self._done, self.total = done, total
        if not self._stream.isatty() or self._clock() < self._due:
            return
        self._due = self._clock() + INTERVAL_S
        share = min(done / total, 1.0) if total else 0.0
        bar = ("#" * int(share * _WIDTH)).ljust(_WIDTH, ".")
        self._stream.write(f"{_ERASE}{self._label} [{bar}] {share:4.0%}")
        self._stream.flush()
        self._visible = True

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
