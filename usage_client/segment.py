"""A file of the spool: written by one process, and held by one process at a time through a lock on it."""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from usage_client.frame import frame, unframe
from usage_client.use_id import new_id

SUFFIX = ".uses"

_ATTEMPTS = 5
_CREATE = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_MINE_ALONE = 0o600


class Segment:
    """A segment whose lock is held; closing it, or the end of the process, lets others have it."""

    def __init__(self, path: Path, descriptor: int, size: int) -> None:
        self.path = path
        self.size = size
        self.is_synced = False
        self._descriptor = descriptor

    @property
    def name(self) -> str:
        return self.path.stem

    def append(self, line: bytes) -> None:
        """Write a record in one call; once this has returned, the end of the process does not undo it.

        OSError where there is no room. What was written of the record by then is recognized as no record,
        provided that nothing is appended after it.
        """
        record = frame(line)
        written = os.write(self._descriptor, record)
        self.size += written
        self.is_synced = False
        if written < len(record):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def sync(self) -> None:
        """Bring it, and its name, to the disk."""
        self.is_synced = True
        os.fsync(self._descriptor)
        _sync_folder(self.path.parent)

    def read(self) -> tuple[list[bytes], int]:
        """The lines, and how many records are damaged."""
        parts: list[bytes] = []
        offset = 0
        while part := os.pread(self._descriptor, 1 << 20, offset):
            parts.append(part)
            offset += len(part)
        return unframe(b"".join(parts))

    def discard(self) -> None:
        """Delete it, as what it held is delivered."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Leave it to whoever adopts it."""
        os.close(self._descriptor)


def create(folder: Path, moment: int, random_bytes: Callable[[int], bytes]) -> Segment:
    """A new segment, empty and named after the moment, so that names are in the order of time."""
    for _ in range(_ATTEMPTS):
        path = folder / f"{new_id(moment, random_bytes)}{SUFFIX}"
        descriptor = os.open(path, _CREATE, _MINE_ALONE)
        if _lock(descriptor):
            return Segment(path, descriptor, 0)
        os.close(descriptor)
    raise OSError(errno.EAGAIN, "others take every segment away that is created", str(folder))


def adopt(path: Path) -> Segment | None:
    """A segment that nobody holds; None where somebody does, or has delivered it meanwhile."""
    try:
        descriptor = os.open(path, _OPEN)
    except FileNotFoundError:
        return None
    if not _lock(descriptor):
        os.close(descriptor)
        return None
    return Segment(path, descriptor, os.fstat(descriptor).st_size)


def started_at(path: Path) -> int:
    """The moment (microseconds) that a segment's name tells, which none of its uses was recorded before."""
    return int(path.stem.replace("-", "")[:12], 16) * 1000


def _lock(descriptor: int) -> bool:
    """Whether it is ours now: locked, and still in the folder."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(descriptor).st_nlink > 0


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
