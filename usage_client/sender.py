"""What the thread does that delivers: gather, send, wait longer after each failure, take over, declare."""

from collections.abc import Callable
from dataclasses import dataclass
from random import random
from threading import Condition
from time import monotonic

from usage_client.answer import Later, Taken
from usage_client.background import Background, Nudge, Wait
from usage_client.backlog import Backlog, Chunk
from usage_client.backoff import Backoff
from usage_client.coalesce import coalesced
from usage_client.deliver import Counts, Delivery
from usage_client.moments import SECOND
from usage_client.quiet_log import QuietLog
from usage_client.remote import Remote
from usage_client.settings import Settings

_SERVER, _DAMAGE, _FOLDER, _HEARTBEAT = "server", "damage", "folder", "heartbeat"
_LOOK_EVERY_S = 60.0


@dataclass(slots=True)
class _Journey:
    """A chunk on its way."""

    chunk: Chunk
    delivery: Delivery


class Sender:
    """Sends what waits in the backlog; everything here but `flush` and the counts is its thread's alone."""

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        settings: Settings,
        backlog: Backlog,
        remote: Remote,
        log: QuietLog,
        on_refused: Callable[[bytes | None, str], None],
        *,
        coalesce: bool,
    ) -> None:
        self._settings = settings
        self._limits = settings.limits
        self._backlog = backlog
        self._remote = remote
        self._log = log
        self._on_refused = on_refused
        self._coalesce = coalesce
        self._gather_s = self._limits.coalesce_every if coalesce else self._limits.flush_every
        self._backoff = Backoff(random)
        self.thread = Background("keyledger-usage-sender", self.step)
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a process does that was forked."""
        self.thread.forget()
        self._backoff.reset()
        self.counts = Counts()
        self.damaged = 0
        self.failure: str | None = None
        self._journey: _Journey | None = None
        self._gathering_since: float | None = None
        self._not_before = 0.0
        self._next_adoption = 0.0
        self._next_declaration = 0.0
        self._flushing = 0
        self._hurries = False
        self._changed = Condition()

    def step(self) -> Wait:
        try:
            return self._step(monotonic())
        finally:
            with self._changed:
                self._changed.notify_all()

    def _step(self, now: float) -> Wait:
        if now < self._not_before and not self._hurries:
            return Wait(self._not_before - now, Nudge.NONE_IS_HEEDED)
        self._hurries = False
        self._adopt(now)
        while self._journey is not None or self._set_out(now):
            if later := self._travel():
                return self._pause(later)
        self._declare(now)
        return self._rest(monotonic())

    def _set_out(self, now: float) -> bool:
        """Whether there is something to send by now."""
        is_time = self._is_time(now)
        chunk = self._backlog.take(seal=is_time)
        if is_time:
            self._gathering_since = None
        if chunk is None:
            return False
        lines, damaged = chunk.read()
        if damaged:
            self._tell_damage(chunk.name, damaged)
        if self._coalesce:
            lines = coalesced(chunk.name, lines)
        self._journey = _Journey(chunk, Delivery(lines, self._limits.batch_uses, self._on_refused))
        return True

    def _is_time(self, now: float) -> bool:
        if not self._backlog.is_gathering:
            return False
        if self._flushing or self._backlog.memory.waiting * 2 >= self._limits.memory_uses:
            return True
        if self._gathering_since is None:
            self._gathering_since = now
        return now - self._gathering_since >= self._gather_s

    def _travel(self) -> Later | None:
        journey = self._journey
        if journey is None:
            return None
        later = journey.delivery.go_on(self._remote.send_uses, self.counts)
        if later is None:
            self._backlog.finish(journey.chunk)
            self._journey = None
            self._arrived()
        return later

    def _arrived(self) -> None:
        self._backoff.reset()
        self._not_before = 0.0
        self.failure = None
        self._log.over(_SERVER, f"{self._settings.server} takes uses again")

    def _pause(self, later: Later) -> Wait:
        delay = self._backoff.next(later.asked_s)
        self._not_before = monotonic() + delay
        self.failure = later.reason
        self._log.say(_SERVER, f"uses cannot be delivered now, and are kept: {later.reason}")
        return Wait(delay, Nudge.NONE_IS_HEEDED)

    def _adopt(self, now: float) -> None:
        spool = self._backlog.spool
        if spool is None or now < self._next_adoption:
            return
        self._next_adoption = now + self._limits.adopt_every
        try:
            spool.adopt()
        except OSError as error:
            self._log.say(_FOLDER, f"what others left in {spool.folder} cannot be read: {error.strerror}")

    def _declare(self, now: float) -> None:
        coverage, spool = self._backlog.coverage, self._backlog.spool
        if coverage is None or spool is None or now < self._next_declaration:
            return
        self._next_declaration = now + min(_LOOK_EVERY_S, self._limits.heartbeat_every)
        try:
            coverage.declare(spool.oldest(), int(self._limits.heartbeat_every * SECOND), self._tell_coverage)
        except OSError as error:
            self._log.say(_FOLDER, f"no heartbeat: {spool.folder}: {error.strerror}")

    def _tell_coverage(self, start: int, end: int) -> bool:
        answer = self._remote.send_heartbeat(self._settings.reporter, start, end)
        if isinstance(answer, Taken):
            self._log.over(_HEARTBEAT, "the server takes heartbeats again")
            return True
        self._log.say(_HEARTBEAT, f"the heartbeat is not taken, and is tried again: {answer.reason}")
        return False

    def _rest(self, now: float) -> Wait:
        if self._backlog.is_gathering:
            since = now if self._gathering_since is None else self._gathering_since
            self._gathering_since = since
            return Wait(max(0.0, since + self._gather_s - now), Nudge.MUCH)
        if self._backlog.spool is None:
            return Wait(None)
        next_look = self._next_adoption
        if self._backlog.coverage is not None:
            next_look = min(next_look, self._next_declaration)
        return Wait(max(0.0, next_look - now))

    def _tell_damage(self, name: str, damaged: int) -> None:
        self.damaged += damaged
        self._backlog.lost()
        self._log.say(_DAMAGE, f"{damaged} records of {name} in the spool are damaged and were left out")

    def flush(self, timeout_s: float, *, give_up_early: bool = False) -> bool:
        """Send all that waits, without gathering any longer; whether nothing waits any more.

        `give_up_early`: not to wait for a server that does not take it at the first attempt.
        """
        end = monotonic() + timeout_s
        with self._changed:
            self._flushing += 1
            self._hurries = True
            self.failure = None
        self.thread.wake()
        try:
            with self._changed:
                while not self._backlog.is_empty and not (give_up_early and self.failure):
                    if not self._changed.wait(max(0.0, end - monotonic())):
                        break
            return self._backlog.is_empty
        finally:
            self._flushing -= 1
