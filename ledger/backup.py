"""Backups of a ledger in SQLite: a verified copy in one file, made while others write."""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeAlias, cast
from urllib.parse import quote

import msgspec

from ledger.database import Database, sqlite_path
from ledger.errors import InvalidInput, LedgerCorrupt, LedgerUnavailable, UnknownTopic
from ledger.event_types import EVENT_TYPES
from ledger.schema import SCHEMA_VERSION
from ledger.sqlite import Sqlite

PAGES_A_STEP = 250

OnProgress: TypeAlias = Callable[[int, int], object]

# What SQLite keeps beside a database that is in use.
JOURNALS = ("-wal", "-shm", "-journal")

_ON_POSTGRESQL = (
    "a ledger in PostgreSQL is backed up by pg_dump -Fc (or pg_basebackup) and restored by pg_restore:"
    " see deploy/postgresql.md"
)


class Content(msgspec.Struct, frozen=True):
    """What a verified file holds: the position of its last event, and its schema version."""

    position: int
    schema_version: int


def ledger_file(address: str) -> Path:
    """The file that a ledger is in; InvalidInput says what to use instead where it is in none."""
    path = sqlite_path(address)
    if path is None:
        raise InvalidInput(_ON_POSTGRESQL)
    return path


def back_up(database: Database, file: Path, on_progress: OnProgress) -> Content:
    """Copy a ledger in SQLite as it is at this moment; writers go on meanwhile.

    The file is there only once it is whole, verified and on disk, readable by its owner alone. Raises
    InvalidInput where it exists already. `on_progress` hears pages copied and pages in all.
    """
    _refuse_existing(file)
    with draft_beside(file) as draft:
        with explained(database.name), closing(database.engine.raw_connection()) as connection:
            copy(cast("sqlite3.Connection", connection.driver_connection), draft, on_progress)
        content = verify(draft, called=database.name)
        flush_to_disk(draft)
        _refuse_existing(file)
        draft.rename(file)
        flush_to_disk(file.parent)
    return content


def _refuse_existing(file: Path) -> None:
    if file.exists():
        raise InvalidInput(f"{file} exists already and a backup replaces nothing; name another file")


@contextmanager
def draft_beside(file: Path) -> Iterator[Path]:
    """A file to fill in the same folder, open to its owner only; gone at the end unless renamed."""
    if not file.parent.is_dir():
        raise InvalidInput(f"the folder {file.parent} does not exist; make it first")
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        for suffix in ("", *JOURNALS):
            Path(name + suffix).unlink(missing_ok=True)


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection of the driver's that changes nothing."""
    return sqlite3.connect(f"file:{quote(bytes(path.absolute()))}?mode=ro", uri=True, isolation_level=None)


def copy(source: sqlite3.Connection, draft: Path, on_progress: OnProgress) -> None:
    """Copy a database as it is at this moment into one file without a journal beside it."""
    with closing(sqlite3.connect(draft, isolation_level=None)) as target:
        # One reading transaction for all steps: else each commit of a writer would begin the copy anew.
        source.execute("BEGIN")
        try:
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(
                target,
                pages=PAGES_A_STEP,
                progress=lambda _status, left, total: on_progress(total - left, total),
            )
        finally:
            source.execute("ROLLBACK")
        target.execute("PRAGMA journal_mode=DELETE")


def verify(path: Path, called: str) -> Content:
    """What a ledger's file holds, after every check that it is sound and can be read by this version.

    Raises LedgerCorrupt, UnknownTopic, or LedgerUnavailable for another schema version and for no ledger.
    """
    with explained(called), closing(open_for_reading(path)) as connection:
        ((version,),) = connection.execute("SELECT schema_version FROM keyledger").fetchall()
        if version > SCHEMA_VERSION:
            raise LedgerUnavailable(
                f"{called} has the schema version {version} and this keyledger knows {SCHEMA_VERSION};"
                " upgrade keyledger"
            )
        ((found,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
        if found != "ok":
            raise LedgerCorrupt(f"{called} is damaged: {found}")
        if version == SCHEMA_VERSION:
            _check_guards(connection, called)
        return Content(_check_events(connection, called), version)


def _check_guards(connection: sqlite3.Connection, called: str) -> None:
    present = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")}
    if not present.issuperset(Sqlite.guards):
        raise LedgerCorrupt(f"{called} lacks the guards that keep events from being changed")


def _check_events(connection: sqlite3.Connection, called: str) -> int:
    query = "SELECT count(*), coalesce(min(position), 1), coalesce(max(position), 0) FROM events"
    ((count, first, last),) = connection.execute(query).fetchall()
    if (first, last) != (1, count):
        raise LedgerCorrupt(f"{called} has gaps: it holds {count} events from position {first} to {last}")
    known = {kind.topic for kind in EVENT_TYPES}
    for (topic,) in connection.execute("SELECT DISTINCT topic FROM events"):
        if topic not in known:
            raise UnknownTopic(
                f"{called} holds events of the kind {topic!r}, which this keyledger does not know;"
                " upgrade keyledger to the version that wrote them"
            )
    return int(last)


def flush_to_disk(path: Path) -> None:
    """Return once a file, or the names in a folder, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Tell what SQLite says of a file in words of our own."""
    try:
        yield
    except sqlite3.Error as error:
        kind = LedgerCorrupt if Sqlite().is_damaged(error) else LedgerUnavailable
        raise kind(f"{path}: {Sqlite().remedy(error)}") from error
