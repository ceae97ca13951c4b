"""A ledger's way into a backup and back."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.door import Door
from tests.older import VERSION_1

pytestmark = pytest.mark.sqlite_only(reason="PostgreSQL has tools of its own for it")

USE = '{"key": "ci", "service": "deploy", "occurred_at": "2024-05-31T12:00:00Z"}\n'


@pytest.fixture
def copy(keyledger: Door) -> Path:
    """Give a backup of a ledger of three events."""
    keyledger.create("ci")
    file = keyledger.folder / "copy.db"
    keyledger.well("backup", str(file))
    return file


def events(door: Door, *options: str) -> str:
    return door.well("events", *options).out


def asides(door: Door) -> list[Path]:
    return sorted(door.file.parent.glob("ledger.db.replaced-*"))


def rows(path: Path) -> list[tuple[int, bytes]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT position, originator_id FROM events ORDER BY position").fetchall()


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_backup_is_one_whole_file_that_only_its_owner_can_read(keyledger: Door, copy: Path) -> None:
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in keyledger.folder.iterdir() if "copy" in path.name] == ["copy.db"]
    assert events(keyledger, "--ledger", str(copy)) == events(keyledger)


def test_a_backup_overwrites_nothing(keyledger: Door, copy: Path) -> None:
    before = copy.read_bytes()

    answer = keyledger("backup", str(copy))

    assert (answer.status, answer.out) == (1, "")
    assert (
        answer.err == f"keyledger: {copy} exists already and a backup replaces nothing; name another file\n"
    )
    assert copy.read_bytes() == before
    assert "does not exist" in keyledger("backup", "nowhere/copy.db").err


def test_a_backup_of_a_ledger_in_use_ends_and_is_how_it_was_at_a_moment_of_it(keyledger: Door) -> None:
    keyledger.create("ci")
    keyledger.well("use", "append", stdin=USE * 20_000)
    more = keyledger.folder / "more.ndjson"
    more.write_text(USE * 80_000)
    with keyledger.start("use", "append", str(more)) as writer:
        while len(rows(keyledger.file)) < 25_000:
            time.sleep(0.02)
        keyledger.well("backup", "busy.db")
        was_writing = writer.poll() is None
        writer.communicate(timeout=60)

    kept, complete = rows(keyledger.folder / "busy.db"), rows(keyledger.file)
    assert was_writing
    assert 25_000 <= len(kept) < len(complete) == 100_003
    assert complete[: len(kept)] == kept


@pytest.mark.parametrize(
    ("harm", "status", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-20_000]), 4, "damaged"),
        (lambda path: path.write_text("buy milk\n" * 200), 1, "not a keyledger ledger"),
        (lambda path: path.write_bytes(b""), 1, "not a keyledger ledger"),
        (lambda path: path.unlink(), 1, "there is no backup at"),
        (lambda path: change(path, "DROP TRIGGER events_are_not_deleted"), 4, "lacks the guards"),
        (
            lambda path: change(
                path,
                "UPDATE keyledger SET schema_version = 1",
                "DROP TRIGGER events_are_not_deleted",
                "DELETE FROM events WHERE position = 2",
            ),
            4,
            "has gaps",
        ),
        (lambda path: change(path, "UPDATE keyledger SET schema_version = 99"), 1, "schema version 99"),
        (
            lambda path: change(path, "INSERT INTO events VALUES (4, x'00', 1, 'key-cloned/7', x'')"),
            1,
            "key-cloned/7",
        ),
    ],
    ids=["cut", "text", "empty", "missing", "unguarded", "gap", "newer", "unknown"],
)
def test_a_backup_that_is_not_sound_replaces_nothing(
    keyledger: Door, copy: Path, harm: Callable[[Path], object], status: int, reason: str
) -> None:
    harm(copy)
    before = events(keyledger)

    answer = keyledger("restore", str(copy), "--yes")

    assert answer.status == status, answer
    assert len(answer.err.splitlines()) == 1
    assert reason in answer.err
    assert events(keyledger) == before
    assert asides(keyledger) == []
    assert list(keyledger.file.parent.glob(".ledger*")) == []


def test_a_restore_says_what_is_lost_and_puts_the_old_ledger_aside(keyledger: Door, copy: Path) -> None:
    before = events(keyledger)
    keyledger.well("use", "append", stdin=USE * 2)
    keyledger.well("key", "revoke", "ci", "--yes")
    grown = events(keyledger)

    answer = keyledger.well("restore", str(copy), "--yes")

    assert "goes up to position 6." in answer.err
    assert "  1 key-revoked\n  2 key-used\nKeys that were revoked since would be valid again.\n" in answer.err
    assert "up to position 3.\n" in answer.out
    (aside,) = asides(keyledger)
    assert events(keyledger) == before
    assert events(keyledger, "--ledger", str(aside)) == grown
    keyledger.create("after")
    keyledger.well("projections", "check")


def test_the_restored_ledger_keeps_a_write_ahead_log_and_the_rights_of_the_old_one(
    keyledger: Door, copy: Path
) -> None:
    keyledger.file.chmod(0o640)

    keyledger.well("restore", str(copy), "--yes")

    with closing(sqlite3.connect(keyledger.file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert keyledger.file.stat().st_mode & 0o777 == 0o640


def test_a_ledger_that_is_gone_is_restored_without_a_question(keyledger: Door, copy: Path) -> None:
    before = events(keyledger)
    keyledger.file.unlink()
    journal = keyledger.file.with_name("ledger.db-wal")
    journal.write_bytes(b"of the ledger that is gone")

    answer = keyledger.well("restore", str(copy))

    assert "is now" not in answer.out
    assert events(keyledger) == before
    assert [path.read_bytes() for path in asides(keyledger)] == [b"of the ledger that is gone"]


def test_a_damaged_ledger_is_put_aside_with_its_journal(keyledger: Door, copy: Path) -> None:
    before = events(keyledger)
    keyledger.file.write_bytes(b"nothing that SQLite could read" * 1000)
    keyledger.file.with_name("ledger.db-wal").write_bytes(b"its journal")

    answer = keyledger.well("restore", str(copy), "--yes")

    assert "cannot be read: what it holds is not known" in answer.err
    assert events(keyledger) == before
    kept = {path.name.rpartition("Z")[2]: path.read_bytes() for path in asides(keyledger)}
    assert kept[""].startswith(b"nothing that SQLite")
    assert kept["-wal"] == b"its journal"


@pytest.mark.parametrize("is_damaged", [False, True], ids=["sound", "damaged"])
def test_a_ledger_that_another_process_has_open_is_not_replaced(
    keyledger: Door, copy: Path, *, is_damaged: bool
) -> None:
    with keyledger.start("events", "--follow") as other:
        assert other.stdout
        other.stdout.readline()
        if is_damaged:
            with keyledger.file.open("r+b") as file:
                file.write(b"damage in place of a header")
        answer = keyledger.process("restore", str(copy), "--yes")
        other.terminate()
        other.communicate(timeout=30)

    assert answer.status == 1
    assert "another process has" in answer.err.splitlines()[-1]
    assert asides(keyledger) == []


def test_who_opened_the_old_file_just_before_cannot_write_to_it_afterwards(
    keyledger: Door, copy: Path
) -> None:
    with closing(sqlite3.connect(keyledger.file)) as late:
        keyledger.well("restore", str(copy), "--yes")

        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            late.execute("INSERT INTO tracking VALUES ('late', 1)")


def test_the_backup_of_another_ledger_is_told_apart(keyledger: Door, copy: Path) -> None:
    keyledger.well("--ledger", "other.db", "init", "other")

    answer = keyledger("restore", str(copy), "--ledger", "other.db")

    assert answer.status == 2
    assert "the backup is of another ledger" in answer.err
    assert "--yes" in answer.err
    assert asides(keyledger) == []


def test_a_backup_of_an_older_version_is_restored_with_a_word_on_the_upgrade(
    keyledger: Door, copy: Path
) -> None:
    change(copy, *VERSION_1)

    answer = keyledger.well("restore", str(copy), "--yes")

    assert "run `keyledger upgrade` afterwards" in answer.err
    keyledger.well("upgrade")
    keyledger.well("key", "list")


def test_a_ledger_is_no_backup_of_itself(keyledger: Door) -> None:
    assert "is the ledger itself" in keyledger("restore", str(keyledger.file), "--yes").err


def test_whoever_is_at_a_terminal_is_asked(keyledger: Door, copy: Path) -> None:
    keyledger.create("later")

    refused = keyledger.terminal("restore", str(copy), typed="n\n")
    kept = events(keyledger).count("\n")
    agreed = keyledger.terminal("restore", str(copy), typed="y\n")

    assert (refused.status, kept) == (1, 4)
    assert "Put the backup in its place? [y/N]" in refused.out
    assert agreed.status == 0
    assert events(keyledger).count("\n") == 3


@pytest.mark.parametrize("verb", ["backup", "restore"])
def test_for_a_ledger_in_postgresql_its_own_tools_are_named(empty: Door, verb: str) -> None:
    answer = empty(verb, "copy.db", "--ledger", "postgresql+psycopg://db.example.com/keys")

    assert answer.status == 1
    assert "pg_dump -Fc" in answer.err
    assert "deploy/postgresql.md" in answer.err
