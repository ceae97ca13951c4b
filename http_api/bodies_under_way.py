"""The bodies of uses that are being read: what a process bears, and what one key may have of it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from http_api.problems import Problem, ProblemKind
from http_api.settings import Limits


class Bodies:
    """The bodies of uses that one process reads at this moment, so many in all and of each key."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._of_keys: Counter[bytes] = Counter()

    @contextmanager
    def one_of(self, key_id: bytes) -> Iterator[None]:
        """Count one more while it is read; a Problem where that are too many. For the event loop's thread."""
        if self._of_keys[key_id] >= self._limits.uses_of_key:
            raise Problem(
                ProblemKind.TOO_MANY_REQUESTS,
                f"{self._limits.uses_of_key} bodies of this key are being read already; wait for an answer",
                {"Retry-After": "1"},
            )
        if self._of_keys.total() >= self._limits.uses_at_once:
            raise Problem(
                ProblemKind.OVERLOADED,
                f"{self._limits.uses_at_once} bodies are being read already; try again in a second",
                {"Retry-After": "1"},
            )
        self._of_keys[key_id] += 1
        try:
            yield
        finally:
            self._of_keys[key_id] -= 1
            if not self._of_keys[key_id]:
                del self._of_keys[key_id]
