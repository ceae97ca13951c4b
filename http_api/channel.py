"""The way of parts from the event loop to a thread, a few of them at a time."""

import asyncio
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """One coroutine sends, one thread iterates; who is too quick waits for the other."""

    def __init__(self, most: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(most)
        self._parts: SimpleQueue[T | BaseException | None] = SimpleQueue()
        self._abandoned = False

    async def send(self, part: T) -> bool:
        """Hand a part over; False where nobody takes it any more."""
        await self._room.acquire()
        self._parts.put(part)
        return not self._abandoned

    def end(self, error: BaseException | None = None) -> None:
        """Say that nothing more comes, or why."""
        self._parts.put(error)

    def abandon(self) -> None:
        """Take no more, from any thread: whoever sends is held up no longer."""
        self._abandoned = True
        self._loop.call_soon_threadsafe(self._room.release)

    def __iter__(self) -> Iterator[T]:
        """The parts; raises what ended them."""
        while (part := self._parts.get()) is not None:
            if isinstance(part, BaseException):
                raise part
            self._loop.call_soon_threadsafe(self._room.release)
            yield part
