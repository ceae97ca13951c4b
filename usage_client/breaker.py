"""A circuit breaker: while the server is down, nobody waits for it but one who tries."""

from collections.abc import Callable
from threading import Lock

from usage_client.backoff import Backoff

FAILURES = 5
_FIRST_S = 1.0
_LONGEST_S = 30.0


class Breaker:
    """Opens after five failures in a row; then one attempt is let through, after 1 s, 2 s ... 30 s."""

    def __init__(self, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._clock = clock
        self._backoff = Backoff(random, _FIRST_S, _LONGEST_S)
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a process does that was forked."""
        self._lock = Lock()
        self._failures = 0
        self._next_at: float | None = None
        self._backoff.reset()

    @property
    def is_open(self) -> bool:
        return self._next_at is not None

    def lets_through(self) -> bool:
        """Whether to ask now; whoever is let through while it is open is the only one for a while."""
        if not self.is_open:
            return True
        with self._lock:
            next_at, now = self._next_at, self._clock()
            if next_at is not None and now < next_at:
                return False
            self._next_at = None if next_at is None else now + self._backoff.next()
            return True

    def succeeded(self) -> None:
        self._failures = 0
        if self._next_at is not None:
            with self._lock:
                self._next_at = None
                self._backoff.reset()

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES and self._next_at is None:
                self._next_at = self._clock() + self._backoff.next()
