"""A thread that does one thing again and again, and waits between as long as that thing says."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from threading import Event, Thread, current_thread

_LOG = logging.getLogger("usage_client")
_AFTER_A_DEFECT_S = 60.0


class Nudge(IntEnum):
    """How much a nudge says, and from how much on it ends a wait."""

    SOMETHING = 1
    MUCH = 2
    NONE_IS_HEEDED = 3


@dataclass(frozen=True, slots=True)
class Wait:
    """How long to wait (None: until woken), and what ends it sooner."""

    seconds: float | None
    heeds: Nudge = Nudge.SOMETHING


class Background:
    """A daemon thread: a service that ends is not kept from it."""

    def __init__(self, name: str, step: Callable[[], Wait]) -> None:
        self._name = name
        self._step = step
        self.forget()

    def forget(self) -> None:
        """Begin anew, without a thread, as a process does that was forked."""
        self._woken = Event()
        self._thread: Thread | None = None
        self._stopping = False
        # Read without a lock by whoever records; a nudge that comes for nothing costs a look.
        self._heeds = Nudge.NONE_IS_HEEDED

    @property
    def is_running(self) -> bool:
        return self._thread is not None

    def start(self) -> None:
        if self._thread is None and not self._stopping:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def nudge(self, says: Nudge) -> None:
        """Look now, if so much is heeded."""
        if says >= self._heeds:
            self.wake()

    def wake(self) -> None:
        """Look now, or as soon as the step at hand is done."""
        self._heeds = Nudge.NONE_IS_HEEDED
        self._woken.set()

    def stop(self, timeout_s: float) -> bool:
        """End after the step at hand; whether that came in time."""
        self._stopping = True
        self.wake()
        if self._thread is not None and self._thread is not current_thread():
            self._thread.join(timeout_s)
            return not self._thread.is_alive()
        return True

    def _run(self) -> None:
        woken = self._woken
        while not self._stopping:
            woken.clear()
            self._heeds = Nudge.SOMETHING
            wait = self._safe_step()
            self._heeds = wait.heeds
            # Whoever stops it wakes it too, so it does not wait then.
            woken.wait(wait.seconds)

    def _safe_step(self) -> Wait:
        try:
            return self._step()
        except Exception:  # noqa: BLE001 - a defect here must not end the reporting of a service that goes on
            _LOG.exception("%s failed and tries again in a minute", self._name)
            return Wait(_AFTER_A_DEFECT_S, Nudge.NONE_IS_HEEDED)
