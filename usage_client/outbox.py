"""What was recorded, on its way to the server: kept at once, delivered in the background, closed in time."""

import os
import time
from collections.abc import Callable

from usage_client.background import Background, Nudge, Wait
from usage_client.backlog import open_backlog
from usage_client.bookkeeping import Bookkeeping
from usage_client.moments import now
from usage_client.quiet_log import LOGGER, QuietLog
from usage_client.remote import Remote
from usage_client.sender import Sender
from usage_client.settings import Settings
from usage_client.stats import Stats
from usage_client.use_line import RefusedUse

_SYNC = "sync"


class Outbox:
    """Thread-safe; Misconfigured where the spool of the settings cannot be."""

    def __init__(
        self,
        settings: Settings,
        log: QuietLog,
        on_refused: Callable[[RefusedUse], object] | None,
        *,
        coalesce: bool,
        heartbeats: bool,
    ) -> None:
        self._limits = settings.limits
        self._log = log
        self._backlog = open_backlog(settings, log, now, os.urandom, heartbeats=heartbeats)
        self.books = Bookkeeping(self._backlog, log, on_refused)
        self._remote = Remote(settings.server, settings.api_key, settings.limits.send_timeout, now)
        self._sender = Sender(
            settings, self._backlog, self._remote, log, self.books.tell_refused, coalesce=coalesce
        )
        self._keeper = Background("keyledger-usage-keeper", self._sync)
        self.is_closed = False
        self._is_started = False

    def keep(self, line: bytes) -> bool:
        """Keep a use, to be delivered; False where it is dropped."""
        if self.is_closed:
            self.books.drop("the client is closed")
            return False
        if not self.books.keep(line):
            return False
        self.start()
        is_much = self._backlog.memory.waiting * 2 >= self._limits.memory_uses
        self._sender.thread.nudge(Nudge.MUCH if is_much else Nudge.SOMETHING)
        self._keeper.nudge(Nudge.SOMETHING)
        return True

    def start(self) -> None:
        """Begin to deliver, also what an earlier process left."""
        if self.is_closed or self._is_started:
            return
        self._is_started = True
        self._sender.thread.start()
        if self._backlog.spool is not None:
            self._keeper.start()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return self._backlog.is_empty

    def flush(self, timeout_s: float) -> bool:
        """Deliver all that waits; whether that was done in time."""
        self.start()
        return self._backlog.is_empty or self._sender.flush(timeout_s)

    def close(self, timeout_s: float | None) -> bool:
        """Deliver what can be delivered in time, and end; whether nothing is left behind."""
        self.is_closed = True
        end = time.monotonic() + (self._limits.close_timeout if timeout_s is None else timeout_s)
        if self._is_started:
            has_spool = self._backlog.spool is not None and not len(self._backlog.memory)
            self._sender.flush(max(0.0, end - time.monotonic()), give_up_early=has_spool)
        return self._leave(end)

    def _leave(self, end: float) -> bool:
        left, in_memory = self._backlog.is_empty, len(self._backlog.memory)
        if in_memory:
            self._backlog.lost()
            LOGGER.warning(
                "%d uses could not be delivered in time and are lost: there is no spool", in_memory
            )
        ended = [
            thread.stop(max(0.1, end - time.monotonic())) for thread in (self._sender.thread, self._keeper)
        ]
        if all(ended):
            # A thread that is still at it uses these; then the end of the process closes them.
            self._backlog.close()
            self._remote.close()
        return left

    def stats(self, *, checks_down: bool) -> Stats:
        """Counts of what became of uses, and whether checks are known to go unanswered."""
        spool, counts, books = self._backlog.spool, self._sender.counts, self.books
        return Stats(
            recorded=books.recorded,
            rejected=books.rejected,
            dropped=books.dropped,
            unidentified=books.unidentified,
            stored=counts.stored,
            duplicates=counts.duplicates,
            refused=counts.refused,
            damaged=self._sender.damaged,
            waiting_bytes=0 if spool is None else spool.size,
            waiting_in_memory=len(self._backlog.memory),
            failure=self._sender.failure,
            checks_down=checks_down,
        )

    def _sync(self) -> Wait:
        try:
            was_needed = self._backlog.sync()
        except OSError as error:
            self._backlog.lost()
            self._log.say(_SYNC, f"the spool does not come to the disk: {error.strerror}")
            was_needed = True
        return Wait(self._limits.sync_every, Nudge.NONE_IS_HEEDED) if was_needed else Wait(None)

    def before_fork(self) -> None:
        self._backlog.before_fork()

    def after_fork_in_parent(self) -> None:
        self._backlog.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        self.books.forget()
        self._remote.forget()
        self._sender.forget()
        self._keeper.forget()
        self._is_started = False
        try:
            self._backlog.after_fork_in_child()
        except OSError as error:
            self._log.say(_SYNC, f"no heartbeats from this process: {error.strerror}")
