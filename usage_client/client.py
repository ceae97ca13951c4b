"""The client that a service puts inside itself: it reports the uses of keys, and is never in the way."""

import atexit
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from weakref import ref

from usage_client import forking
from usage_client.checker import Checker
from usage_client.moments import format_moment, moment_of, now
from usage_client.outbox import Outbox
from usage_client.presenter import Presenter
from usage_client.quiet_log import QuietLog
from usage_client.secret import Secret
from usage_client.settings import Limits, settle
from usage_client.stats import Stats
from usage_client.use_id import new_id
from usage_client.use_line import RefusedUse, check_use, write_line
from usage_client.verdict import Verdict, WhenDown


class UsageClient:
    """Records uses of API keys and delivers them in the background.

    Thread-safe, and safe to be made before a fork. `server` and `api_key` are taken from KEYLEDGER_SERVER and
    KEYLEDGER_API_KEY unless given. With a `spool`, a folder on a local disk, a use survives SIGKILL once
    `record` has returned, and the reporter declares coverage by heartbeats. `on_refused` is called, from the
    client's own thread, with every use that the server refuses for good.

    Raises Misconfigured here and nothing later: `record` never raises and never waits for the server.
    """

    def __init__(  # noqa: PLR0913 - all but the service has a default
        self,
        server: str | None = None,
        api_key: str | Secret | None = None,
        *,
        service: str,
        reporter: str | None = None,
        spool: Path | str | None = None,
        coalesce: bool = False,
        heartbeats: bool = True,
        when_down: WhenDown = "refuse",
        on_refused: Callable[[RefusedUse], object] | None = None,
        limits: Limits | None = None,
        allow_plain_http: bool = False,
    ) -> None:
        self.settings = settle(
            os.environ,
            server=server,
            api_key=api_key,
            service=service,
            reporter=reporter,
            spool=spool,
            limits=limits,
            allow_plain_http=allow_plain_http,
        )
        self._log = QuietLog(time.monotonic)
        self._outbox = Outbox(self.settings, self._log, on_refused, coalesce=coalesce, heartbeats=heartbeats)
        self._checker = Checker(self.settings, self._log, when_down, self._accepted)
        forking.watch(self)
        self._at_exit = _closer(self)
        atexit.register(self._at_exit)

    def record(  # noqa: PLR0913 - what a use may tell
        self,
        *,
        key: str,
        caller: str | None = None,
        service: str | None = None,
        occurred_at: datetime | None = None,
        source_ip: str | None = None,
        user_agent: str | None = None,
        error: bool = False,
        use_id: str | None = None,
    ) -> bool:
        """Record that a key was used, just now unless `occurred_at` says when; False where it is not kept.

        `key` is the key's id (the verdict of a check has it), never its secret. `error`: the service answered
        with an error. `use_id`: an id of one's own, under which the use counts once, such as a request's.
        """
        try:
            presenter = Presenter.of(caller, source_ip, user_agent)
            moment = now() if occurred_at is None else moment_of(occurred_at)
            check_use(key, service, use_id)
            line = write_line(
                {
                    "key": key,
                    "service": service or self.settings.service,
                    "occurred_at": format_moment(moment),
                    "id": use_id or new_id(moment, os.urandom),
                    "caller": presenter.caller,
                    "reporter": self.settings.reporter,
                    "source_ip": presenter.source_ip,
                    "user_agent": presenter.user_agent,
                    "error": bool(error),
                }
            )
        except (ValueError, TypeError, AttributeError, OverflowError) as reason:
            self._outbox.books.reject(reason)
            return False
        return self._outbox.keep(line)

    def check(
        self,
        secret: str,
        *,
        caller: str | None = None,
        source_ip: str | None = None,
        user_agent: str | None = None,
    ) -> Verdict:
        """Ask whether a presented key is valid, which records the use at the server; never raises.

        It takes no longer than `Limits.check_timeout`, and after five failures in a row no time at all until
        the server answers again. What is said meanwhile is the client's `when_down`: `refuse`; `accept-known`
        for keys that were valid within 15 minutes; `accept` for all that are not known to be invalid. The
        uses of known keys that were let in so are reported later.
        """
        self.start()
        return self._checker.check(secret, Presenter.of(caller, source_ip, user_agent))

    async def check_async(
        self,
        secret: str,
        *,
        caller: str | None = None,
        source_ip: str | None = None,
        user_agent: str | None = None,
    ) -> Verdict:
        """The same as `check`, in an event loop."""
        self.start()
        return await self._checker.check_async(secret, Presenter.of(caller, source_ip, user_agent))

    async def close_async_checks(self) -> None:
        """Close the connections that `check_async` opened in this event loop."""
        await self._checker.close_async()

    def _accepted(self, key_id: str | None, presenter: Presenter) -> None:
        """Report what the server did not record; whose key nobody could tell is lost to the ledger."""
        if key_id is not None:
            self.record(
                key=key_id,
                caller=presenter.caller,
                source_ip=presenter.source_ip,
                user_agent=presenter.user_agent,
            )
            return
        self._outbox.books.pass_over()

    def start(self) -> None:
        """Begin to deliver, also what an earlier process left; `record` does this too."""
        self._outbox.start()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Deliver all that waits; whether that was done in time."""
        return self._outbox.flush(timeout_s)

    def close(self, timeout_s: float | None = None) -> bool:
        """Deliver what can be delivered in time (5 s unless told), and end; what is spooled is kept.

        Returns whether nothing is left behind. Without a spool what is left is lost, and is logged.
        """
        if self._outbox.is_closed:
            return self._outbox.is_empty
        atexit.unregister(self._at_exit)
        is_empty = self._outbox.close(timeout_s)
        self._checker.close()
        return is_empty

    def stats(self) -> Stats:
        """Counts for a service's own metrics."""
        return self._outbox.stats(checks_down=self._checker.is_down)

    def before_fork(self) -> None:
        self._outbox.before_fork()

    def after_fork_in_parent(self) -> None:
        self._outbox.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        self._log.forget()
        self._checker.forget()
        self._outbox.after_fork_in_child()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"UsageClient({self.settings.server!r}, service={self.settings.service!r})"


def _closer(client: UsageClient) -> Callable[[], None]:
    """Closes a client that nobody has closed, and does not keep it alive until then."""
    known = ref(client)

    def close() -> None:
        if (alive := known()) is not None:
            alive.close()

    return close
