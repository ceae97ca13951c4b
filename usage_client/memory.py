"""Uses that wait in memory: where there is no spool, and where the spool takes none for a while."""

from collections.abc import Callable
from threading import Lock

from usage_client.use_id import new_id


class Handful:
    """Uses that were taken together."""

    def __init__(self, name: str, lines: list[bytes]) -> None:
        self.name = name
        self._lines = lines

    def read(self) -> tuple[list[bytes], int]:
        """The lines; none is ever damaged."""
        return self._lines, 0

    def __len__(self) -> int:
        return len(self._lines)


class Memory:
    """Thread-safe; holds at most `limit` uses, those that were taken and are not delivered included."""

    def __init__(self, limit: int, clock: Callable[[], int], random_bytes: Callable[[int], bytes]) -> None:
        self._limit = limit
        self._clock = clock
        self._random_bytes = random_bytes
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a process does that was forked: what waits is its parent's to deliver."""
        self._lock = Lock()
        self._waiting: list[bytes] = []
        self._in_hand = 0

    def __len__(self) -> int:
        return len(self._waiting) + self._in_hand

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def append(self, line: bytes) -> bool:
        """Keep a use; False where there is no room, and then it is not kept."""
        with self._lock:
            if len(self) >= self._limit:
                return False
            self._waiting.append(line)
            return True

    def take(self) -> Handful | None:
        """All that waits, to be given to `finish`."""
        with self._lock:
            if not self._waiting:
                return None
            taken, self._waiting = self._waiting, []
            self._in_hand += len(taken)
            return Handful(new_id(self._clock(), self._random_bytes), taken)

    def finish(self, taken: Handful) -> None:
        with self._lock:
            self._in_hand = max(0, self._in_hand - len(taken))
