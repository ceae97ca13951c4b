"""The database itself refuses to change what happened: here over a plain connection, past all our code."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.world import World

pytestmark = pytest.mark.sqlite_only(reason="SQLite's own guards; PostgreSQL's are in test_postgresql_guards")

APPENDED = "events are only appended"
IMMUTABLE = "events are immutable"


@pytest.fixture
def intruder(world: World) -> Iterator[sqlite3.Connection]:
    world.create()
    with closing(sqlite3.connect(world.address, isolation_level=None)) as connection:
        yield connection


def rows(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    return connection.execute("SELECT * FROM events ORDER BY position").fetchall()


TAKEN_PLACE = "SELECT 4, originator_id, originator_version, topic, x'00' FROM events WHERE position = 1"
FORBIDDEN = {
    "update": ("UPDATE events SET state = x'00' WHERE position = 1", IMMUTABLE),
    "update-of-all": ("UPDATE events SET topic = 'key-used/1'", IMMUTABLE),
    "update-of-a-position": ("UPDATE events SET position = 9 WHERE position = 3", IMMUTABLE),
    "update-or-replace": ("UPDATE OR REPLACE events SET position = 1 WHERE position = 3", IMMUTABLE),
    "delete": ("DELETE FROM events WHERE position = 3", IMMUTABLE),
    "delete-of-all": ("DELETE FROM events", IMMUTABLE),
    "replace-by-position": (
        "INSERT OR REPLACE INTO events VALUES (1, x'aa', 1, 'key-used/1', x'00')",
        APPENDED,
    ),
    "replace-of-the-last": (
        "INSERT OR REPLACE INTO events VALUES (3, x'aa', 1, 'key-used/1', x'00')",
        APPENDED,
    ),
    "replace-by-place": (
        f"INSERT OR REPLACE INTO events {TAKEN_PLACE}",
        APPENDED,
    ),
    "replace-into": ("REPLACE INTO events VALUES (2, x'aa', 1, 'key-used/1', x'00')", APPENDED),
    "upsert": (
        f"INSERT INTO events {TAKEN_PLACE} ON CONFLICT DO UPDATE SET state = x'00'",
        APPENDED,
    ),
    "insert-after-a-gap": ("INSERT INTO events VALUES (5, x'aa', 1, 'key-used/1', x'00')", APPENDED),
    "insert-before-the-first": ("INSERT INTO events VALUES (0, x'aa', 1, 'key-used/1', x'00')", APPENDED),
    "insert-at-a-negative-position": (
        "INSERT INTO events VALUES (-1, x'aa', 1, 'key-used/1', x'00')",
        APPENDED,
    ),
    "insert-without-a-position": (
        "INSERT INTO events (originator_id, originator_version, topic, state) VALUES (x'aa', 1, 'a', x'00')",
        APPENDED,
    ),
    "insert-or-ignore-of-a-taken-place": (
        f"INSERT OR IGNORE INTO events {TAKEN_PLACE}",
        APPENDED,
    ),
}


@pytest.mark.parametrize("attempt", FORBIDDEN)
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_the_database_refuses_to_change_what_happened(
    intruder: sqlite3.Connection, attempt: str, recursive: str
) -> None:
    statement, refusal = FORBIDDEN[attempt]
    before = rows(intruder)
    intruder.execute(f"PRAGMA recursive_triggers={recursive}")

    with pytest.raises(sqlite3.IntegrityError, match=refusal):
        intruder.execute(statement)

    assert rows(intruder) == before


def test_an_append_at_the_end_is_what_the_guards_let_through(intruder: sqlite3.Connection) -> None:
    intruder.execute("INSERT INTO events VALUES (4, x'aa', 1, 'key-used/1', x'00')")

    assert [row[0] for row in rows(intruder)] == [1, 2, 3, 4]


def test_a_place_that_is_taken_is_refused_within_one_statement_too(intruder: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        intruder.execute("INSERT INTO events VALUES (4, x'aa', 1, 'a', x'00'), (5, x'aa', 1, 'a', x'01')")

    assert len(rows(intruder)) == 3
