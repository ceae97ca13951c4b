"""A log that says a thing once a minute: a server that is away is one fact, and not one a use."""

import logging
from collections.abc import Callable
from threading import Lock

LOGGER = logging.getLogger("usage_client")
PAUSE_S = 60.0


class QuietLog:
    """Thread-safe; counts what it did not say."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        self._lock = Lock()
        self._said_at: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def say(self, kind: str, message: str) -> None:
        """Say it, unless the same kind of thing was said within the last minute."""
        now = self._clock()
        with self._lock:
            said_at = self._said_at.get(kind)
            if said_at is not None and now - said_at < PAUSE_S:
                self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
                return
            self._said_at[kind] = now
            unsaid = self._unsaid.pop(kind, 0)
        LOGGER.warning(
            "%s%s", message, f" (and {unsaid} times more since this was last said)" if unsaid else ""
        )

    def over(self, kind: str, message: str) -> None:
        """Say that a thing is over, if it was said."""
        with self._lock:
            was_said = self._said_at.pop(kind, None) is not None
            self._unsaid.pop(kind, None)
        if was_said:
            LOGGER.info("%s", message)
