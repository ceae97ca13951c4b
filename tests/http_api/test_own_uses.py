"""What a process counted of the uses of its callers' keys, where the ledger cannot take it."""

import sqlite3
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from http_api.own_uses import OwnUses
from http_api.problems import problem_of
from ledger.errors import LedgerCorrupt
from ledger.events import KeyUsed
from ledger.verdict import Verdict
from tests.world import World


@pytest.mark.sqlite_only(reason="a file's bytes")
def test_what_was_counted_outlives_a_damaged_ledger_that_is_restored(world: World) -> None:
    created = world.create()
    verdict = Verdict(True, organization="acme", key_id=created.id)  # noqa: FBT003 - a field
    counts = OwnUses(world.ledger)
    for _ in range(4):
        counts.count(verdict, "192.0.2.1")
    world.clock.advance(timedelta(minutes=1))
    world.database.close()
    file = Path(world.address)
    sound = file.read_bytes()
    file.write_bytes(damaged(file))

    with pytest.raises(LedgerCorrupt) as told:
        counts.flush()
    world.database.close()
    file.write_bytes(sound)
    counts.flush()

    assert [use.count for use in world.told(KeyUsed)] == [3]
    problem = problem_of(told.value)
    assert problem.kind.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert "damaged; its operator must restore it" in problem.detail


def damaged(file: Path) -> bytes:
    """The file with the root of its events overwritten."""
    with sqlite3.connect(file) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray(file.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    return bytes(content)
