"""How long to wait before the next attempt, so that a server that comes back is not met by all at once."""

from collections.abc import Callable

FIRST_S = 0.5
LONGEST_S = 60.0
MOST_ASKED_S = 300.0


class Backoff:
    """Doubles with each failure; half of it is left to chance (`random` gives from 0 to 1)."""

    def __init__(
        self, random: Callable[[], float], first_s: float = FIRST_S, longest_s: float = LONGEST_S
    ) -> None:
        self._random = random
        self._first_s = first_s
        self._longest_s = longest_s
        self.failures = 0

    def next(self, asked_s: float | None = None) -> float:
        """Seconds; no fewer than the server asked for, of which five minutes are heeded at most."""
        # Beyond some doublings the bound holds anyway, and a float has a bound of its own.
        full = min(self._longest_s, self._first_s * 2.0 ** min(self.failures, 30))
        self.failures += 1
        jittered = full * (0.5 + self._random() / 2)
        return jittered if asked_s is None else max(jittered, min(asked_s, MOST_ASKED_S))

    def reset(self) -> None:
        self.failures = 0
