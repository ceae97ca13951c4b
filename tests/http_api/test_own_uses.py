"""What a process counted of the uses of its callers' keys, where the ledger cannot take it."""

from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from http_api.own_uses import OwnUses
from http_api.problems import problem_of
from ledger.errors import LedgerCorrupt, NotFound
from ledger.events import KeyUsed
from ledger.verdict import Verdict
from tests.damage import damaged
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


def test_one_count_that_cannot_be_stored_holds_up_no_other(world: World) -> None:
    keys = [world.create(name).id for name in ("first", "second", "third")]
    counts = OwnUses(world.ledger)
    for organization, key_id in zip(("acme", "nobody", "acme"), keys, strict=True):
        for _ in range(4):
            counts.count(Verdict(True, organization=organization, key_id=key_id), None)  # noqa: FBT003 - a field
    world.clock.advance(timedelta(minutes=1))

    for _ in range(2):
        with pytest.raises(NotFound, match="nobody"):
            counts.flush()

    assert sorted(use.key_id for use in world.told(KeyUsed)) == sorted([keys[0], keys[2]])
