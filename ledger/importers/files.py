"""The files that an import was pointed at: listed in a fixed order, read plain or gzipped, metered."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ledger.errors import InvalidInput
from ledger.importers.unpacking import GZIP_MAGIC

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

UNREADABLE = (OSError, EOFError, zlib.error)


def find_files(paths: Iterable[Path], suffixes: tuple[str, ...]) -> list[Path]:
    """The files given, and those so named in the folders given, each once; InvalidInput if there is none."""
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _files_at(path, suffixes):
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _files_at(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    if not path.exists():
        raise InvalidInput(f"{path} does not exist; check the path")
    if not path.is_dir():
        return [path]
    inside = sorted(file for file in path.rglob("*") if _is_wanted(file, suffixes))
    if not inside:
        endings = ", ".join(f"*{suffix}" for suffix in suffixes)
        raise InvalidInput(
            f"{path} holds no file named {endings}; name the files themselves if theirs are other names"
        )
    return inside


def _is_wanted(file: Path, suffixes: tuple[str, ...]) -> bool:
    # Names with a leading dot are other programs' own: `._x.json` is what macOS leaves beside each `x.json`.
    return file.name.lower().endswith(suffixes) and not file.name.startswith(".") and file.is_file()


def total_size(files: Iterable[Path]) -> int:
    """How many bytes there are to read; a file that cannot be asked counts nothing, its reading says why."""
    return sum(_size(file) for file in files)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def open_file(path: Path, progress: Callable[[int], None] | None = None) -> BinaryIO:
    """The content of a file, unpacked where its first bytes, not its name, say gzip; raises UNREADABLE."""
    packed = io.BufferedReader(_Metered(path, progress))
    if packed.peek(2).startswith(GZIP_MAGIC):
        return io.BufferedReader(_Unpacked(packed))
    return packed


def why_unreadable(error: BaseException) -> str:
    """What one of UNREADABLE means for the file, and what to do."""
    if isinstance(error, EOFError):
        return "the gzip file is cut short; fetch it again"
    if isinstance(error, gzip.BadGzipFile | zlib.error):
        return "the gzip file is damaged; fetch it again"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def bounded_lines(stream: BinaryIO, limit: int) -> Iterator[bytes]:
    """The lines of a stream; of one over the limit only the start is kept, one byte more than the limit."""
    while line := stream.readline(limit + 1):
        yield line
        while len(line) > limit and not line.endswith(b"\n"):
            line = stream.readline(limit + 1)


class _Metered(io.FileIO):
    """A file that tells how many bytes were read of it, packed as they are."""

    def __init__(self, path: Path, progress: Callable[[int], None] | None) -> None:
        super().__init__(path)
        self._progress = progress
        self._is_new = True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        count = super().readinto(buffer)
        if self._is_new and count == 1:
            # A pipe may bring one byte first, and of two it is known whether they are gzip's.
            count += super().readinto(memoryview(buffer)[1:]) or 0
        self._is_new = False
        if self._progress and count:
            self._progress(count)
        return count

    def readall(self) -> bytes:
        content = super().readall()
        if self._progress and content:
            self._progress(len(content))
        return content


class _Unpacked(gzip.GzipFile):
    """A gzip stream that closes the file under it too."""

    def __init__(self, packed: "io.BufferedReader[_Metered]") -> None:
        super().__init__(fileobj=packed)
        self._packed = packed

    def close(self) -> None:
        super().close()
        self._packed.close()
