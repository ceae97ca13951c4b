"""Ledgers of other versions: brought up to date, left alone or refused."""

import sqlite3
from contextlib import closing

import pytest

from ledger.schema import SCHEMA_VERSION
from tests.door import Door
from tests.older import VERSION_1

pytestmark = pytest.mark.sqlite_only(reason="makes an older ledger through sqlite3")


def make_version(door: Door, *statements: str) -> None:
    """Leave the ledger as a keyledger of another version would have it."""
    with closing(sqlite3.connect(door.file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_an_older_ledger_is_refused_with_the_remedy_which_works_and_keeps_its_events(keyledger: Door) -> None:
    before = keyledger.well("events").out
    make_version(keyledger, *VERSION_1)

    refused = keyledger("key", "list")
    upgraded = keyledger.well("upgrade")

    assert refused.status == 1
    assert "`keyledger upgrade` brings it up to date" in refused.err
    assert upgraded.out == f"Upgraded {keyledger.file} from schema version 1 to {SCHEMA_VERSION}.\n"
    assert keyledger.well("events").out == before


def test_a_ledger_that_is_up_to_date_is_left_alone(keyledger: Door) -> None:
    answer = keyledger.well("upgrade")

    assert answer.out == f"{keyledger.file} is up to date: schema version {SCHEMA_VERSION}.\n"


def test_a_newer_ledger_and_what_is_no_ledger_are_refused(keyledger: Door) -> None:
    make_version(keyledger, "UPDATE keyledger SET schema_version = 99")
    (keyledger.folder / "notes.db").write_text("buy milk\n" * 100)

    newer = keyledger("upgrade")
    no_ledger = keyledger("upgrade", "--ledger", "notes.db")
    nothing = keyledger("upgrade", "--ledger", "nowhere.db")

    assert (newer.status, no_ledger.status, nothing.status) == (1, 1, 1)
    assert "schema version 99" in newer.err
    assert "not a keyledger ledger" in no_ledger.err
    assert "there is no ledger at nowhere.db" in nothing.err


def test_founding_an_organization_in_a_ledger_that_is_there_says_so(keyledger: Door) -> None:
    answer = keyledger.well("init", "globex")

    assert f"organization globex in the ledger that was there already, {keyledger.file}." in answer.out
