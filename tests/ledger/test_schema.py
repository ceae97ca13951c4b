import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ledger.database import Database, open_database
from ledger.errors import LedgerCorrupt, LedgerUnavailable, WrongState
from ledger.schema import SCHEMA_VERSION, check_schema, create_schema, schema_version


@contextmanager
def opened(path: Path, *, create: bool = False) -> Iterator[Database]:
    database = open_database(str(path), create=create)
    try:
        yield database
    finally:
        database.close()


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_new_ledger_is_one_and_has_the_present_version(tmp_path: Path) -> None:
    with opened(tmp_path / "ledger.db", create=True) as database:
        create_schema(database)
        check_schema(database)
        with database.read() as connection:
            assert schema_version(connection) == SCHEMA_VERSION


def test_a_new_ledger_keeps_a_write_ahead_log_and_commits_durably(tmp_path: Path) -> None:
    with opened(tmp_path / "ledger.db", create=True) as database:
        create_schema(database)

        with database.write() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2


def test_a_second_init_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "ledger.db", create=True) as database:
        create_schema(database)
    before = files(tmp_path)

    with opened(tmp_path / "ledger.db", create=True) as database, pytest.raises(WrongState, match="already"):
        create_schema(database)

    assert files(tmp_path) == before


def test_the_database_of_another_application_is_refused_and_keeps_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE customers (name)")
        other.execute("INSERT INTO customers VALUES ('zoe')")
        other.commit()
    before = files(tmp_path)

    with opened(path, create=True) as database:
        with pytest.raises(LedgerUnavailable, match="tables of something else; give a new path"):
            create_schema(database)
        with pytest.raises(LedgerUnavailable, match=r"not a keyledger ledger; `keyledger init ORG`"):
            check_schema(database)

    assert files(tmp_path) == before


@pytest.mark.parametrize("content", [b"hello", b"not a database at all\n" * 500], ids=["short", "long"])
def test_a_file_that_is_no_database_is_refused_and_keeps_every_byte(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)

    with opened(path, create=True) as database:
        for attempt in (create_schema, check_schema):
            with pytest.raises(LedgerUnavailable, match=r"notes\.txt: the file is not a keyledger ledger"):
                attempt(database)

    assert files(tmp_path) == {"notes.txt": content}


def test_an_empty_file_is_no_ledger_yet_and_may_become_one(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.touch()

    with opened(path) as database, pytest.raises(LedgerUnavailable, match="not a keyledger ledger"):
        check_schema(database)
    with opened(path, create=True) as database:
        create_schema(database)
        check_schema(database)


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 99])
def test_a_newer_ledger_is_refused_with_the_remedy(tmp_path: Path, version: int) -> None:
    path = tmp_path / "ledger.db"
    with opened(path, create=True) as database:
        create_schema(database)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"UPDATE keyledger SET schema_version = {version}")
        newer.commit()

    with (
        opened(path) as database,
        pytest.raises(LedgerUnavailable, match=f"version {version}.*upgrade keyledger"),
    ):
        check_schema(database)


def test_a_table_that_happens_to_be_called_keyledger_makes_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE keyledger (name)")
        other.commit()

    with opened(path) as database, pytest.raises(LedgerUnavailable):
        check_schema(database)


def test_a_damaged_ledger_is_told_to_be_restored(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path, create=True) as database:
        create_schema(database)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))

    with (
        opened(path) as database,
        pytest.raises(LedgerCorrupt, match="damaged; restore it from a backup"),
        database.read() as connection,
    ):
        connection.exec_driver_sql("SELECT * FROM credentials").all()
