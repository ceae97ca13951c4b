"""Ctrl-C in a long intake: it takes effect between batches, never while one is being stored."""

import signal
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Self, TypeVar

T = TypeVar("T")


class Interruption:
    """Watches for Ctrl-C while items are read and stored in turn.

    A KeyboardInterrupt in the middle of a transaction could leave a lock or a connection behind, and the way
    out would wait for it. So one that comes while a batch is stored waits until the next item is read; a
    second one is no longer held back.
    """

    def __init__(self) -> None:
        self._is_reading = False
        self._was_asked = False
        self._before = signal.getsignal(signal.SIGINT)

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def between(self, items: Iterable[T]) -> Iterator[T]:
        """The items, with a chance to stop before each."""
        iterator = iter(items)
        while True:
            self._is_reading = True
            if self._was_asked:
                raise KeyboardInterrupt
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self._is_reading = False
            yield item

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self._is_reading or self._was_asked:
            raise KeyboardInterrupt
        self._was_asked = True
