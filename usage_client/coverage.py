"""Declared coverage: the periods of which every use that was recorded is delivered, and none was lost.

All processes that share a spool speak as one reporter. Each keeps a mark there of the last use that it lost
(dropped, refused, damaged, or kept in memory alone); one of them at a time declares for all.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from usage_client.mark import Mark, last_loss
from usage_client.moments import SECOND
from usage_client.use_id import new_id

# A use is written to the spool some moments after the clock was read for it.
MARGIN_US = 5 * SECOND
# After such a pause of all processes a new period begins.
LONGEST_PAUSE_US = 24 * 3600 * SECOND

_DIGITS = 20
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Coverage:
    """What a reporter may declare of the uses in a folder; moments are microseconds since 1970."""

    def __init__(
        self,
        folder: Path,
        reporter: str,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        boot: str,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._random_bytes = random_bytes
        self._boot = boot
        name = sha256(reporter.encode(errors="surrogatepass")).hexdigest()[:16]
        self._declared = folder / f"{name}.declared"
        self._suffix = f".{name}.mark"
        self._mark: Mark | None = None
        self._begin()

    def _begin(self) -> None:
        with self._alone() as file:
            # Whoever is at it now has begun already.
            if file is not None:
                now, until = self._clock(), _read(file)
                if until is None or (now - until > LONGEST_PAUSE_US and not any(self._marks())):
                    _write(file, now)
            self._mark = Mark(self._new_mark, self._boot)

    def lost(self) -> None:
        """Note that a use recorded by now will not be delivered, or may not be."""
        if self._mark is not None:
            self._mark.lost(self._clock())

    def declare(self, oldest: int | None, interval_us: int, tell: Callable[[int, int], bool]) -> None:
        """Tell the server of the next period, if it is as long as the interval.

        `oldest` is when the oldest use that waits in the folder was recorded at the earliest. `tell` says
        whether the server knows.
        """
        with self._alone() as file:
            until = None if file is None else _read(file)
            if file is None or until is None:
                return
            now = self._clock()
            end = (now if oldest is None else min(now, oldest)) - MARGIN_US
            start = max(until, *(loss + 1 for loss in self._losses(until, now)), until)
            if end - start >= interval_us and tell(start, end):
                _write(file, end)

    def _losses(self, until: int, now: int) -> list[int]:
        return [last_loss(path, self._boot, until, now) for path in self._marks()]

    def _marks(self) -> Iterator[Path]:
        return self._folder.glob(f"*{self._suffix}")

    def _new_mark(self) -> Path:
        return self._folder / f"{new_id(self._clock(), self._random_bytes)}{self._suffix}"

    @contextmanager
    def _alone(self) -> Iterator[int | None]:
        """The file of what is declared; None while another process is at it, for which nobody waits."""
        file = os.open(self._declared, _FLAGS, 0o600)
        try:
            # Of the process, not of the open file, which a child that is forked now would hold for ever.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            yield None
        else:
            yield file
        finally:
            os.close(file)

    def after_fork_in_child(self) -> None:
        """Keep a mark of one's own."""
        if self._mark is not None:
            self._mark.drop()
        self._begin()

    def close(self) -> None:
        if self._mark is not None:
            self._mark.leave()
            self._mark = None


def _read(file: int) -> int | None:
    text = os.pread(file, _DIGITS, 0)
    return int(text) if len(text) == _DIGITS and text.isdigit() else None


def _write(file: int, moment: int) -> None:
    os.pwrite(file, b"%0*d\n" % (_DIGITS, moment), 0)
