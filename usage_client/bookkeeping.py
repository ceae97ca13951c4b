"""What becomes of uses before and after the way to the server: counted, logged once a minute, told."""

from collections.abc import Callable, Mapping
from threading import Lock

from usage_client.backlog import Backlog
from usage_client.quiet_log import LOGGER, QuietLog
from usage_client.use_line import BadUse, RefusedUse, read_line

_DROPPED, _BAD, _REFUSED = "dropped", "bad", "refused"


class Bookkeeping:
    """Thread-safe. Whatever is not going to be in the ledger breaks the coverage."""

    def __init__(
        self, backlog: Backlog, log: QuietLog, on_refused: Callable[[RefusedUse], object] | None
    ) -> None:
        self._backlog = backlog
        self._log = log
        self._on_refused = on_refused
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a process does that was forked."""
        self._lock = Lock()
        self.recorded = self.rejected = self.dropped = self.unidentified = 0

    def keep(self, line: bytes) -> bool:
        """Keep a use, if there is room."""
        if not self._backlog.keep(line):
            self.drop("there is no room left; see Limits")
            return False
        with self._lock:
            self.recorded += 1
        return True

    def drop(self, why: str) -> None:
        """Count a use that is not kept."""
        with self._lock:
            self.dropped += 1
        self._backlog.lost()
        self._log.say(_DROPPED, f"a use was dropped: {why}")

    def reject(self, reason: Exception) -> None:
        """Count what is no use."""
        with self._lock:
            self.rejected += 1
        self._backlog.lost()
        # Only our own words: those of others may quote what was given, which may be a secret.
        said = str(reason) if isinstance(reason, BadUse) else f"wrong type or time ({type(reason).__name__})"
        self._log.say(_BAD, f"a use was not recorded: {said}")

    def pass_over(self) -> None:
        """Count a use of which nobody can tell whose key it was of."""
        with self._lock:
            self.unidentified += 1
        self._backlog.lost()

    def tell_refused(self, line: bytes | None, reason: str) -> None:
        """Tell of a use that the server refuses for good; None for one that it did not name."""
        self._backlog.lost()
        use: Mapping[str, object] = {} if line is None else read_line(line)
        self._log.say(_REFUSED, f"the server refused the use {use.get('id')} of {use.get('key')!r}: {reason}")
        if self._on_refused is not None:
            try:
                self._on_refused(RefusedUse(use, reason))
            except Exception:  # noqa: BLE001 - the service's own code must not end its reporting
                LOGGER.exception("on_refused failed")
