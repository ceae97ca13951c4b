"""The spool: a folder of segments in which uses wait on the disk until they are delivered.

What `append` has returned for survives the end of the process, SIGKILL too. `sync`, which the client calls
every second, makes it survive the end of the machine. Several processes may share a folder: each writes
segments of its own, and takes over those that a process left behind.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

from usage_client import segment
from usage_client.segment import SUFFIX, Segment

SEGMENT_BYTES = 4 * 1024 * 1024

_FOLDER_RIGHTS = 0o700
_PAUSE_US = 1_000_000


class SpoolUnavailable(Exception):
    """The spool takes no use now: it has reached its bound, or the disk does not let it write."""


class Spool:
    """Thread-safe; `limit` bounds all segments of the folder, those of other processes as last measured."""

    def __init__(
        self, folder: Path, limit: int, clock: Callable[[], int], random_bytes: Callable[[int], bytes]
    ) -> None:
        folder.mkdir(_FOLDER_RIGHTS, parents=True, exist_ok=True)
        self.folder = folder
        self._limit = limit
        self._clock = clock
        self._random_bytes = random_bytes
        self._lock = Lock()
        self._begin()
        self.measure()

    def _begin(self) -> None:
        self._active: Segment | None = None
        self._sealed: list[Segment] = []
        self._in_hand: list[Segment] = []
        self._own_bytes = 0
        self._foreign_bytes = 0
        self._not_before = 0

    @property
    def size(self) -> int:
        """Bytes that wait in this process's segments."""
        return self._own_bytes

    @property
    def active_bytes(self) -> int:
        active = self._active
        return 0 if active is None else active.size

    @property
    def is_synced(self) -> bool:
        return all(each.is_synced for each in self._held())

    def append(self, line: bytes) -> None:
        """Write a use; SpoolUnavailable where that cannot be, and then nothing of it is kept here."""
        with self._lock:
            if self._own_bytes + self._foreign_bytes + len(line) > self._limit:
                raise SpoolUnavailable(f"the spool {self.folder} is full at {self._limit} bytes")
            if self._not_before and self._clock() < self._not_before:
                raise SpoolUnavailable(f"the spool {self.folder} could not be written a moment ago")
            try:
                self._append(line)
            except OSError as error:
                self._seal()
                self._not_before = self._clock() + _PAUSE_US
                reason = error.strerror or type(error).__name__
                raise SpoolUnavailable(f"the spool {self.folder} cannot be written: {reason}") from error

    def _append(self, line: bytes) -> None:
        active = self._active
        if active is None or active.size >= SEGMENT_BYTES:
            self._seal()
            active = self._active = segment.create(self.folder, self._clock(), self._random_bytes)
        before = active.size
        try:
            active.append(line)
        finally:
            self._own_bytes += active.size - before
        self._not_before = 0

    def _seal(self) -> None:
        if self._active is not None:
            self._sealed.append(self._active)
            self._active = None

    def seal(self) -> None:
        """End the segment that is written to, so that it can be taken."""
        with self._lock:
            self._seal()

    def take(self) -> Segment | None:
        """The oldest segment that is written to no more; to be given to `finish` or `put_back`."""
        with self._lock:
            if not self._sealed:
                return None
            taken = self._sealed.pop(0)
            self._in_hand.append(taken)
            return taken

    def put_back(self, taken: Segment) -> None:
        with self._lock:
            if taken in self._in_hand:
                self._in_hand.remove(taken)
                insort(self._sealed, taken, key=lambda each: each.name)

    def finish(self, taken: Segment) -> None:
        """Delete a segment whose uses are all delivered or refused."""
        with self._lock:
            if taken in self._in_hand:
                self._in_hand.remove(taken)
                self._own_bytes -= taken.size
                taken.discard()

    def adopt(self) -> int:
        """Take over what other processes left behind; returns how many segments.

        OSError, once all others are taken over, for one that cannot be opened.
        """
        found, failure = 0, None
        for path in self._paths():
            try:
                found += self._adopt(path)
            except OSError as error:
                failure = error
        self.measure()
        if failure is not None:
            raise failure
        return found

    def _adopt(self, path: Path) -> bool:
        with self._lock:
            held = {each.path for each in self._held()}
            adopted = None if path in held else segment.adopt(path)
            if adopted is None:
                return False
            self._own_bytes += adopted.size
            insort(self._sealed, adopted, key=lambda each: each.name)
            return True

    def sync(self) -> None:
        """Bring all that was appended to the disk; OSError where it does not come there."""
        with self._lock:
            # A copy of the descriptor would do, but a segment that is in hand goes away in between.
            waiting = [each for each in self._held() if not each.is_synced]
        for each in waiting:
            try:
                each.sync()
            except OSError:
                if each in self._held():
                    each.is_synced = False
                    raise

    def measure(self) -> None:
        """See how much the other processes keep here."""
        with self._lock:
            held = {each.path for each in self._held()}
        self._foreign_bytes = sum(_size(path) for path in self._paths() if path not in held)

    def oldest(self) -> int | None:
        """No use that anyone has in this folder was recorded before this moment; None where there is none."""
        return min((segment.started_at(path) for path in self._paths() if _size(path)), default=None)

    def close(self) -> None:
        """Leave what is undelivered to whoever comes next."""
        with self._lock:
            for each in self._held():
                if each.size:
                    each.close()
                else:
                    each.discard()
            self._begin()

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Let go of the parent's segments, which stay its own."""
        self._lock = Lock()
        for each in self._held():
            each.close()
        self._begin()

    def _held(self) -> list[Segment]:
        active = self._active
        return [*self._in_hand, *self._sealed, *([] if active is None else [active])]

    def _paths(self) -> Iterator[Path]:
        """The segments in the folder, whoever holds them, oldest first."""
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            try:
                segment.started_at(path)
            except ValueError:
                continue
            yield path


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
