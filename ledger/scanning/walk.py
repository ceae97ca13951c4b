"""The files below some paths, and the git folders among them; links are not followed."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ledger.errors import InvalidInput
from ledger.scanning.found import Haul, clean
from ledger.scanning.naming import Naming

# Where the kernel makes files up, some of them without an end.
_MADE_UP = frozenset({"/proc", "/sys", "/dev"})
_NAMED = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY
# Whatever takes a file's place meanwhile: no link is followed, and no pipe waited for.
_MET = _NAMED | os.O_NOFOLLOW | os.O_NONBLOCK
_GIT_FOLDER = frozenset({"HEAD", "objects", "refs"})


class Walk:
    """A way through files and folders. What is named is meant, even a link or a pipe.

    Git's objects, which are packed, are left out, and the folders that hold them told.
    Raises InvalidInput for a path where nothing is.
    """

    def __init__(self, paths: Iterable[str], haul: Haul, naming: Naming) -> None:
        self._paths = list(dict.fromkeys(map(_whole, paths)))
        self._haul = haul
        self._naming = naming
        self.git_folders: set[str] = set()

    def files(self) -> Iterator[tuple[str, int]]:
        """The whole paths, and the flags to open them with."""
        for path in self._paths:
            if Path(path).is_dir():
                self.git_folders.update(_worktree(path))
                yield from self._below(path)
            else:
                yield path, _NAMED

    def size(self) -> int:
        """How many bytes the files have together."""
        return sum(_size(path) for path, _ in self.files())

    def _below(self, top: str) -> Iterator[tuple[str, int]]:
        folders = [top]
        while folders:
            folder = folders.pop()
            for entry in self._inside(folder):
                if entry.is_symlink():
                    self._haul.links += 1
                elif entry.is_file(follow_symlinks=False):
                    yield entry.path, _MET
                elif entry.is_dir(follow_symlinks=False) and not self._is_left_out(folder, entry):
                    folders.append(entry.path)

    def _inside(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                inside = list(entries)
        except FileNotFoundError:
            return []
        except OSError as error:
            self._haul.miss(self._naming(folder), error)
            return []
        if {entry.name for entry in inside} >= _GIT_FOLDER:
            self.git_folders.add(folder)
        return inside

    def _is_left_out(self, folder: str, entry: os.DirEntry[str]) -> bool:
        is_objects = entry.name == "objects" and folder in self.git_folders
        return is_objects or entry.path in _MADE_UP


def _whole(path: str) -> str:
    whole = os.path.abspath(path)  # noqa: PTH100 - resolving would lose a pipe that a shell made
    try:
        os.stat(whole)  # noqa: PTH116 - only whether it can be
    except FileNotFoundError:
        raise InvalidInput(f"{clean(path)} does not exist; check the path") from None
    except OSError as error:
        raise InvalidInput(f"{clean(path)} cannot be read: {error.strerror}; check the path") from None
    return whole


def _worktree(folder: str) -> Iterator[str]:
    """The git folder of a worktree, which has a file in its place that leads there."""
    try:
        told = Path(folder, ".git").read_text(encoding="utf-8")
        git_folder = Path(folder, told.removeprefix("gitdir:").strip())
        common = Path(git_folder, "commondir")
        yield str(
            Path(git_folder, common.read_text(encoding="utf-8").strip() if common.exists() else "").resolve()
        )
    except (OSError, ValueError):
        return


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
