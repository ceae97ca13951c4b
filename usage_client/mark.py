"""A process's mark in a spool folder: when it last lost a use, told to whoever declares coverage."""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

_ATTEMPTS = 5
_DIGITS = 20
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_NEVER = 0
_LEFT = "left"


class Mark:
    """The process's own mark, whose lock tells that it is alive."""

    def __init__(self, new_path: Callable[[], Path], boot: str) -> None:
        for _ in range(_ATTEMPTS):
            self._path = new_path()
            self._file = os.open(self._path, _CREATE, 0o600)
            if _lock(self._file) and os.fstat(self._file).st_nlink:
                break
            os.close(self._file)
        else:
            raise OSError(errno.EAGAIN, "others take every mark away that is created", str(self._path))
        self._lost_at = _NEVER
        # From now on its bytes are on the disk: a full one does not keep a loss from being noted.
        os.pwrite(self._file, b"%0*d %b\n" % (_DIGITS, _NEVER, boot.encode()), 0)

    def lost(self, moment: int) -> None:
        if moment > self._lost_at:
            self._lost_at = moment
            os.pwrite(self._file, b"%0*d" % (_DIGITS, moment), 0)

    def leave(self) -> None:
        """Say that the process ended well, so that the end of the machine later means no loss."""
        if self._lost_at == _NEVER:
            self._path.unlink(missing_ok=True)
        else:
            os.pwrite(self._file, f"{_LEFT}\n".encode(), _DIGITS + 1)
        self.drop()

    def drop(self) -> None:
        os.close(self._file)


def last_loss(path: Path, boot: str, declared_until: int, now: int) -> int:
    """When a process last lost a use, by its mark; it is cleared away once told, if the process is gone.

    Nobody knows what a process that ended with its machine lost at the end: that counts as a loss now.
    """
    try:
        file = os.open(path, _OPEN)
    except FileNotFoundError:
        return _NEVER
    try:
        lost_at, booted = _read(file)
        if not _lock(file):
            return lost_at
        if booted not in {boot, _LEFT}:
            lost_at = now
            os.pwrite(file, b"%0*d %b\n" % (_DIGITS, now, _LEFT.encode()), 0)
        elif lost_at < declared_until:
            path.unlink(missing_ok=True)
        return lost_at
    finally:
        os.close(file)


def _read(file: int) -> tuple[int, str]:
    moment, _, rest = os.pread(file, 4096, 0).partition(b" ")
    booted, _, _ = rest.partition(b"\n")
    return int(moment) if moment.isdigit() else _NEVER, booted.decode(errors="replace")


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
