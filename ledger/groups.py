"""A thread that takes what it is given in groups: whatever waits while it works on one is the next."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from ledger.errors import Overloaded

T = TypeVar("T")


class Groups(Generic[T]):
    """Items in the order in which they came, in groups of at most `largest`.

    `work` gets each group and must not raise. With `pause_s` so long is waited after a group that was not
    full, so that the next one is larger.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[T]], object],
        *,
        most_waiting: int,
        largest: int,
        pause_s: float = 0.0,
    ) -> None:
        self._work = work
        self._most_waiting = most_waiting
        self._largest = largest
        self._pause_s = pause_s
        # None ends it.
        self._waiting: SimpleQueue[T | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """How many wait."""
        return self._waiting.qsize()

    def put(self, item: T) -> None:
        """Let an item wait for the next group; Overloaded where too many wait already."""
        if self._waiting.qsize() >= self._most_waiting:
            raise Overloaded(f"{self._most_waiting} wait for an answer already; try again in a second")
        # Nothing comes after the end.
        with self._lock:
            if self._closed.is_set():
                raise Overloaded("the ledger is being closed; try again in a second")
            self._waiting.put(item)

    @property
    def is_closed(self) -> bool:
        """Whether it is to end."""
        return self._closed.is_set()

    def close(self) -> None:
        """Work on all that was put in, then end."""
        with self._lock:
            if not self._closed.is_set():
                self._closed.set()
                self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            group: list[T] = []
            ended = self._collect(group)
            if group:
                self._work(group)
            if self._pause_s and len(group) < self._largest:
                self._closed.wait(self._pause_s)

    def _collect(self, group: list[T]) -> bool:
        """Wait for the first and take what else is there; whether that was the end."""
        try:
            item = self._waiting.get()
            while item is not None:
                group.append(item)
                if len(group) == self._largest:
                    return False
                item = self._waiting.get_nowait()
        except Empty:
            return False
        return True
