"""Restoring a ledger in SQLite: a verified backup takes its place, and the old one is put aside."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec

from ledger.backup import (
    JOURNALS,
    Content,
    OnProgress,
    copy,
    draft_beside,
    explained,
    flush_to_disk,
    open_for_reading,
    verify,
)
from ledger.errors import Conflict, InvalidInput, LedgerUnavailable

# The bytes that every connection to a SQLite database keeps locked for reading (https://sqlite.org/fileformat.html).
_SHARED_FIRST = 0x40000002
_SHARED_SIZE = 510


class Standing(msgspec.Struct, frozen=True):
    """The ledger that is there: its last position, how it relates to the backup, and what is only in it."""

    position: int
    is_continuation: bool
    lost: dict[str, int]


class Restoration:
    """A backup that was copied beside the ledger and verified; nothing is replaced yet."""

    def __init__(self, draft: Path, ledger: Path, content: Content) -> None:
        self.content = content
        self.ledger = ledger
        self.is_over_another = ledger.exists()
        self.standing = _standing(ledger, draft, content.position) if self.is_over_another else None
        self._draft = draft

    def put_in_place(self, aside: Path) -> None:
        """Let the copy be the ledger, in one step; the old one and its journals are kept as `aside`.

        Raises LedgerUnavailable where another process has it open, Conflict where it has grown since it was
        looked at; then nothing has changed.
        """
        if not self.is_over_another:
            _set_journals_aside(self.ledger, aside)
            self._draft.rename(self.ledger)
        else:
            _take_rights(self.ledger, self._draft)
            with self._alone():
                _set_journals_aside(self.ledger, aside)
                aside.hardlink_to(self.ledger)
                self._draft.replace(self.ledger)
        flush_to_disk(self.ledger.parent)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep every other process out; what SQLite cannot read stays as it is, journal and all."""
        with _nobody_else(self.ledger):
            if self.standing is None:
                yield
                return
        with _only_connection(self.ledger) as connection:
            if _last(connection) != self.standing.position:
                raise Conflict(
                    f"{self.ledger} has grown meanwhile; nothing was replaced: look again and repeat"
                )
            yield


@contextmanager
def prepared(backup: Path, ledger: Path, on_progress: OnProgress) -> Iterator[Restoration]:
    """Copy a backup beside the ledger and verify the copy, which is what would be put in place."""
    if not backup.is_file():
        raise InvalidInput(f"there is no backup at {backup}; check the path")
    if ledger.exists() and backup.samefile(ledger):
        raise InvalidInput(f"{backup} is the ledger itself; give the file of a backup")
    with draft_beside(ledger) as draft:
        with explained(backup), closing(open_for_reading(backup)) as source:
            copy(source, draft, on_progress)
        content = verify(draft, called=str(backup))
        with explained(draft), closing(sqlite3.connect(draft)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        flush_to_disk(draft)
        yield Restoration(draft, ledger, content)


def _standing(ledger: Path, draft: Path, position: int) -> Standing | None:
    """What the ledger holds, or None where it cannot be read: a reason to restore."""
    at = "SELECT * FROM events WHERE position = ?"
    after = "SELECT topic, count(*) FROM events WHERE position > ? GROUP BY topic ORDER BY topic"
    try:
        with closing(open_for_reading(ledger)) as old, closing(open_for_reading(draft)) as new:
            last = _last(old)
            # Events are only ever added, so where one is the same, all before it are.
            common = (min(last, position),)
            is_continuation = old.execute(at, common).fetchall() == new.execute(at, common).fetchall()
            return Standing(last, is_continuation, dict(old.execute(after, (position,)).fetchall()))
    except sqlite3.Error:
        return None


def _last(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()[0])


@contextmanager
def _only_connection(ledger: Path) -> Iterator[sqlite3.Connection]:
    """Lock the ledger with its journal folded into the file.

    The write-ahead log is given up for that: whoever opened the old file just before it was replaced cannot
    write to it, as SQLite notices in this mode that a file was moved.
    """
    with closing(sqlite3.connect(ledger, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            raise LedgerUnavailable(_in_use(ledger)) from None
        with _back_to_its_log(connection):
            yield connection


@contextmanager
def _back_to_its_log(connection: sqlite3.Connection) -> Iterator[None]:
    """Where the ledger stays after all, let it keep a write-ahead log again."""
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode=WAL")
        raise


@contextmanager
def _nobody_else(ledger: Path) -> Iterator[None]:
    """Hold SQLite's own lock on the file, without SQLite."""
    with ledger.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        except BlockingIOError:
            raise LedgerUnavailable(_in_use(ledger)) from None
        yield


def _in_use(ledger: Path) -> str:
    return (
        f"another process has {ledger} open; stop whatever uses the ledger, then repeat: nothing was replaced"
    )


def _set_journals_aside(ledger: Path, aside: Path) -> None:
    """A journal that stayed would be taken for that of the file that is put there."""
    for suffix in JOURNALS:
        with suppress(FileNotFoundError):
            Path(f"{ledger}{suffix}").rename(f"{aside}{suffix}")


def _take_rights(ledger: Path, draft: Path) -> None:
    """Let those who could use the old file use the new one."""
    old = ledger.stat()
    draft.chmod(old.st_mode & 0o777)
    with suppress(PermissionError):
        os.chown(draft, old.st_uid, old.st_gid)
