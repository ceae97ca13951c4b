"""Where uses wait: in the spool, else in memory, else nowhere."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, assert_never

from usage_client.coverage import Coverage
from usage_client.memory import Handful, Memory
from usage_client.quiet_log import QuietLog
from usage_client.segment import Segment
from usage_client.settings import Misconfigured, Settings
from usage_client.spool import Spool, SpoolUnavailable

Chunk: TypeAlias = Segment | Handful

_SPOOL = "spool"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Backlog:
    """Full spool or disk: uses wait in memory, bounded; full memory: the newest use is dropped."""

    def __init__(self, spool: Spool | None, memory: Memory, coverage: Coverage | None, log: QuietLog) -> None:
        self.spool = spool
        self.memory = memory
        self.coverage = coverage
        self._log = log

    def keep(self, line: bytes) -> bool:
        """Keep a use; False where it is dropped."""
        if self.spool is None:
            return self.memory.append(line)
        try:
            self.spool.append(line)
        except SpoolUnavailable as error:
            # A process that is killed now takes it along, so nobody may say that all was told.
            self.lost()
            self._log.say(_SPOOL, f"{error}; uses wait in memory, which the end of the process would lose")
            return self.memory.append(line)
        return True

    def lost(self) -> None:
        """Note that not every use until now will be delivered."""
        if self.coverage is not None:
            try:
                self.coverage.lost()
            except OSError as error:
                self._log.say(_SPOOL, f"a loss cannot be noted in the spool: {error.strerror}")

    @property
    def is_empty(self) -> bool:
        """Whether nothing of this process waits."""
        return not len(self.memory) and (self.spool is None or not self.spool.size)

    @property
    def is_gathering(self) -> bool:
        """Whether there is something that was not sealed yet."""
        return bool(self.memory.waiting) or (self.spool is not None and bool(self.spool.active_bytes))

    def take(self, *, seal: bool) -> Chunk | None:
        """What waits longest, to be given to `finish`; what still gathers only if that is to be sealed."""
        spool = self.spool
        taken = None if spool is None else spool.take()
        if taken is None and seal and spool is not None:
            spool.seal()
            taken = spool.take()
        if taken is None and seal:
            return self.memory.take()
        return taken

    def finish(self, chunk: Chunk) -> None:
        match chunk:
            case Segment():
                if self.spool is not None:
                    self.spool.finish(chunk)
            case Handful():
                self.memory.finish(chunk)
            case _:
                assert_never(chunk)

    def sync(self) -> bool:
        """Bring the spool to the disk; whether there was something to bring."""
        if self.spool is None or self.spool.is_synced:
            return False
        self.spool.sync()
        self.spool.measure()
        return True

    def close(self) -> None:
        if self.spool is not None:
            self.spool.close()
        if self.coverage is not None:
            self.coverage.close()

    def before_fork(self) -> None:
        if self.spool is not None:
            self.spool.before_fork()

    def after_fork_in_parent(self) -> None:
        if self.spool is not None:
            self.spool.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        self.memory.forget()
        if self.spool is not None:
            self.spool.after_fork_in_child()
        if self.coverage is not None:
            self.coverage.after_fork_in_child()


def open_backlog(
    settings: Settings,
    log: QuietLog,
    clock: Callable[[], int],
    random_bytes: Callable[[int], bytes],
    *,
    heartbeats: bool,
) -> Backlog:
    """The backlog that the settings ask for; Misconfigured where their spool cannot be."""
    memory = Memory(settings.limits.memory_uses, clock, random_bytes)
    if settings.spool is None:
        return Backlog(None, memory, None, log)
    try:
        spool = Spool(settings.spool, settings.limits.spool_bytes, clock, random_bytes)
    except OSError as error:
        raise Misconfigured(f"the spool {settings.spool} cannot be used: {error.strerror}") from None
    coverage = None
    if heartbeats:
        try:
            coverage = Coverage(settings.spool, settings.reporter, clock, random_bytes, _boot_id())
        except OSError as error:
            # A disk that is full at the start must not keep the service from starting.
            log.say(_SPOOL, f"no heartbeats from this process: {settings.spool}: {error.strerror}")
    return Backlog(spool, memory, coverage, log)


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"
