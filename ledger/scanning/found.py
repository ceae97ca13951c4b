"""What a scan found and where, and what it passed over. Neither holds a secret in the open."""

import msgspec

from ledger.secret import Secret, mask_secrets

MAX_FOUND = 10_000
MAX_UNREADABLE = 1_000
MAX_PATH = 3_000
SHORT_COMMIT = 12


class Place(msgspec.Struct, frozen=True, order=True):
    """A line, counted from 1, of a file; in the history of a repository, of a file as some commit has it.

    Without a commit an object in the history belongs to none that any branch or tag leads to.
    """

    path: str
    line: int
    repository: str | None = None
    commit: str | None = None

    def __str__(self) -> str:
        """The place on one line, the same in each scan."""
        where = f"{self.path}:{self.line}"
        if self.repository is None:
            return where
        commit = "" if self.commit is None else f"@{self.commit[:SHORT_COMMIT]}"
        return f"{self.repository}{commit}:{where}"


class Found(msgspec.Struct, frozen=True):
    """A secret with the right checksum, and where it stands."""

    secret: Secret
    place: Place


class Unreadable(msgspec.Struct, frozen=True):
    """What could not be read, and why."""

    path: str
    reason: str


class Haul(msgspec.Struct):
    """All that a scan brings home; of what there is too much of, the first, and how many there were."""

    found: list[Found] = []
    unreadable: list[Unreadable] = []
    found_count: int = 0
    unreadable_count: int = 0
    files: int = 0
    objects: int = 0
    bytes: int = 0
    archives: int = 0
    links: int = 0

    def find(self, found: Found) -> None:
        """Keep what was found."""
        self.found_count += 1
        if self.found_count <= MAX_FOUND:
            self.found.append(found)

    def miss(self, path: str, error: OSError | str) -> None:
        """Keep that something could not be read."""
        self.unreadable_count += 1
        if self.unreadable_count <= MAX_UNREADABLE:
            reason = error if isinstance(error, str) else error.strerror or "it cannot be read"
            self.unreadable.append(Unreadable(path, reason))


def clean(path: str) -> str:
    """A path as text that can be printed and stored: on one line, in Unicode, and with no secret in it."""
    if not path.isprintable():
        path = "".join(char if char.isprintable() else _spelt(char) for char in path)
    path = mask_secrets(path)
    return path if len(path) <= MAX_PATH else f"...{path[-MAX_PATH:]}"


def _spelt(char: str) -> str:
    # Surrogates stand for bytes of file names that are no UTF-8.
    return char.encode("unicode_escape", "surrogatepass").decode()
