"""Ctrl-C and SIGTERM in long work: they take effect where nothing is under way that they could tear."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self, TypeVar

T = TypeVar("T")


class Interruption:
    """Watches for signals, and raises KeyboardInterrupt for one where it is welcome.

    A KeyboardInterrupt in the middle of a transaction could leave a lock or a connection behind, and the way
    out would wait for it. So one that comes at such a moment waits until it is welcome; a second one is no
    longer held back.
    """

    def __init__(self, *signals: signal.Signals) -> None:
        self._signals = signals or (signal.SIGINT,)
        self._is_welcome = False
        self._was_asked = False
        self._before = [signal.getsignal(each) for each in self._signals]

    def __enter__(self) -> Self:
        self._before = [signal.signal(each, self._handle) for each in self._signals]
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in zip(self._signals, self._before, strict=True):
            signal.signal(each, handler)

    @contextmanager
    def welcome(self) -> Iterator[None]:
        """Where a signal takes effect at once, and one that came before does now."""
        self._is_welcome = True
        try:
            if self._was_asked:
                raise KeyboardInterrupt
            yield
        finally:
            self._is_welcome = False

    def between(self, items: Iterable[T]) -> Iterator[T]:
        """The items; signals are welcome while the next one is read."""
        iterator = iter(items)
        while True:
            with self.welcome():
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self._is_welcome or self._was_asked:
            raise KeyboardInterrupt
        self._was_asked = True
