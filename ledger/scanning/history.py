"""The history of a git repository: every object once, told by the first commit that holds it.

Read by the `git` command, with plumbing that runs nothing that a repository's own settings name.
"""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Any

import msgspec

from ledger.scanning.found import MAX_FOUND, SHORT_COMMIT, Found, Haul, Place, clean
from ledger.scanning.naming import Naming
from ledger.scanning.reader import Fill, Hit, Reader

_PIPE_BYTES = 1024 * 1024
# So many objects are between two reports of progress.
_OFTEN = 500
_ALL_OBJECTS = ("cat-file", "--batch", "--buffer", "--batch-all-objects", "--unordered")
_ALL_COMMITS = ("rev-list", "--all", "--reverse")
_CHANGES = ("diff-tree", "--stdin", "--root", "-r", "-m", "--no-renames", "-z", "--raw", "--no-abbrev")
# What a partial clone lacks is not fetched, nor a program asked what has changed: either might be anything.
_SAFELY = ("-c", "protocol.allow=never", "-c", "core.fsmonitor=false")
_BLOB = "blob"


class _Telling(msgspec.Struct, frozen=True):
    """An object that holds secrets."""

    id: str
    kind: str
    hits: list[Hit]


class History:
    """One repository, by its git folder; git is started in `environ`, less what would lead it elsewhere."""

    def __init__(self, folder: str, environ: Mapping[str, str], naming: Naming) -> None:
        self._folder = folder
        top, name = os.path.split(folder)
        self.name = naming(top if name == ".git" else folder)
        kept = {key: value for key, value in environ.items() if not key.startswith("GIT_")}
        self._environ = kept | {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}

    def size(self) -> int:
        """How many objects there are, about; raises OSError where git cannot tell."""
        with self._git("count-objects", "-v") as output:
            lines = dict(line.decode().strip().split(": ", 1) for line in output)
        return int(lines["count"]) + int(lines["in-pack"])

    def scan(self, reader: Reader, haul: Haul, on_progress: Callable[[int], None]) -> None:
        """Read every object, whether or not a branch leads to it.

        Raises OSError where git cannot, once what it could is brought home.
        """
        telling: list[_Telling] = []
        commits: dict[str, tuple[str, str]] = {}
        try:
            telling.extend(self._telling(reader, haul, on_progress))
            commits = self._commits({each.id for each in telling[:MAX_FOUND] if each.kind == _BLOB})
        finally:
            for each in telling:
                commit, path = _where(each, commits)
                for hit in each.hits:
                    haul.find(Found(hit.secret, Place(clean(path), hit.line, self.name, commit)))

    def _telling(self, reader: Reader, haul: Haul, on_progress: Callable[[int], None]) -> Iterator[_Telling]:
        with self._git(*_ALL_OBJECTS) as output:
            for number, header in enumerate(iter(output.readline, b""), 1):
                object_id, kind, *size = header.decode().split()
                if not size:
                    haul.miss(f"{self.name}: object {object_id}", kind)
                    continue
                content = reader.read(_limited(output, int(size[0])))
                output.read(1)
                haul.objects += 1
                haul.bytes += content.size
                haul.archives += content.is_archive and kind == _BLOB
                if number % _OFTEN == 0:
                    on_progress(_OFTEN)
                if content.hits:
                    yield _Telling(object_id, kind, content.hits)

    def _commits(self, blobs: set[str]) -> dict[str, tuple[str, str]]:
        """The first commit and path of some blobs, as far as branches and tags lead to them."""
        first: dict[str, tuple[str, str]] = {}
        if not blobs:
            return first
        wanted = [f"--find-object={blob}" for blob in sorted(blobs)]
        with (
            self._git(*_ALL_COMMITS) as commits,
            self._git(*_CHANGES, *wanted, stdin=commits) as output,
        ):
            for commit, blob, path in _changes(output):
                if blob in blobs:
                    first.setdefault(blob, (commit, path))
        return first

    @contextmanager
    def _git(self, *arguments: str, stdin: IO[bytes] | int = subprocess.DEVNULL) -> Iterator[Any]:
        """The output of a git command; OSError where there is no git, or it fails."""
        with (
            TemporaryFile() as complaints,
            subprocess.Popen(  # noqa: S603 - the arguments are ours, and no shell reads them
                ["git", *_SAFELY, f"--git-dir={self._folder}", *arguments],  # noqa: S607 - the user's git
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=complaints,
                bufsize=_PIPE_BYTES,
                env=self._environ,
            ) as process,
        ):
            try:
                yield process.stdout
            except BaseException:
                process.kill()
                raise
            if process.wait():
                complaints.seek(0)
                said = complaints.read().decode(errors="replace").strip().split("\n")[-1]
                raise OSError(None, f"git {arguments[0]} could not: {clean(said)}")


def _limited(output: Any, size: int) -> Fill:  # noqa: ANN401 - a pipe of Popen's, which has no better type
    left = size

    def fill(view: memoryview) -> int:
        nonlocal left
        got: int = output.readinto(view[:left]) if left else 0
        left -= got
        return got

    return fill


def _changes(output: Any) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 - as above
    """Commit, blob and path of each change."""
    commit = ""
    words = _words(output)
    for word in words:
        if word.startswith(b":"):
            yield commit, word.split(b" ")[3].decode(), os.fsdecode(next(words, b""))
        else:
            commit = word.decode()


def _words(output: Any) -> Iterator[bytes]:  # noqa: ANN401 - as above
    rest = b""
    while part := output.read1(_PIPE_BYTES):
        *words, rest = (rest + part).split(b"\0")
        yield from words


def _where(telling: _Telling, commits: Mapping[str, tuple[str, str]]) -> tuple[str | None, str]:
    match telling.kind:
        case "commit":
            return telling.id, "(commit)"
        case "blob" if telling.id in commits:
            return commits[telling.id]
        case _:
            return None, f"({telling.kind} {telling.id[:SHORT_COMMIT]})"
