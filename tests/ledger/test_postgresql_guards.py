"""PostgreSQL itself refuses to change what happened, over a plain connection of one who has every right."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.place import Place, Plain, plain
from tests.world import World

IMMUTABLE = "events are immutable"
APPENDED = "events are only appended"
TAKEN = "duplicate key"
ROW = "'a', 1, 'key-used/1', 's'"
FORBIDDEN = {
    "update": ("UPDATE events SET state = '' WHERE position = 1", IMMUTABLE),
    "update-of-a-position": ("UPDATE events SET position = 9 WHERE position = 3", IMMUTABLE),
    "update-of-none": ("UPDATE events SET state = '' WHERE false", IMMUTABLE),
    "delete": ("DELETE FROM events WHERE position = 3", IMMUTABLE),
    "delete-of-all": ("DELETE FROM events", IMMUTABLE),
    "truncate": ("TRUNCATE events", IMMUTABLE),
    "truncate-with-others": ("TRUNCATE credentials, events RESTART IDENTITY CASCADE", IMMUTABLE),
    "upsert": (
        f"INSERT INTO events VALUES (3, {ROW}) ON CONFLICT (position) DO UPDATE SET state = ''",
        IMMUTABLE,
    ),
    "merge": (
        "MERGE INTO events USING (VALUES (3)) AS last (n) ON position = n WHEN MATCHED THEN DELETE",
        IMMUTABLE,
    ),
    "insert-after-a-gap": (f"INSERT INTO events VALUES (5, {ROW})", APPENDED),
    "insert-with-a-gap": (f"INSERT INTO events VALUES (4, {ROW}), (6, 'b', 1, 'a', 's')", APPENDED),
    "insert-before-the-first": (f"INSERT INTO events VALUES (0, {ROW})", APPENDED),
    "insert-at-a-negative-position": (f"INSERT INTO events VALUES (-1, {ROW})", APPENDED),
    "insert-at-a-taken-position": (f"INSERT INTO events VALUES (3, {ROW})", TAKEN),
    "insert-at-a-taken-place": (
        "INSERT INTO events SELECT 4, originator_id, originator_version, topic, state FROM events LIMIT 1",
        TAKEN,
    ),
}


@pytest.fixture
def address() -> Iterator[str]:
    with Place("postgresql").ledger() as address:
        yield address


@pytest.fixture
def intruder(world: World) -> Iterator[Plain]:
    world.create()
    with plain(world.address) as connection:
        yield connection


def rows(connection: Plain) -> object:
    return connection.execute("SELECT * FROM events ORDER BY position").fetchall()


@pytest.mark.parametrize("attempt", FORBIDDEN)
def test_the_database_refuses_to_change_what_happened(intruder: Plain, attempt: str) -> None:
    statement, refusal = FORBIDDEN[attempt]
    before = rows(intruder)

    with pytest.raises(psycopg.IntegrityError, match=refusal):
        intruder.execute(statement)

    assert rows(intruder) == before


def test_a_table_in_front_of_the_events_deceives_no_guard(intruder: Plain) -> None:
    ((schema,),) = intruder.execute("SELECT current_schema()").fetchall()
    intruder.execute("CREATE TEMPORARY TABLE events AS SELECT 5::bigint AS position")

    with pytest.raises(psycopg.IntegrityError, match=APPENDED):
        intruder.execute(f"INSERT INTO {schema}.events VALUES (6, {ROW})")


def test_an_append_at_the_end_is_what_the_guards_let_through(intruder: Plain) -> None:
    intruder.execute(f"INSERT INTO events VALUES (4, {ROW}), (5, 'b', 1, 'key-used/1', 's')")

    assert intruder.execute("SELECT count(*), max(position) FROM events").fetchall() == [(5, 5)]
