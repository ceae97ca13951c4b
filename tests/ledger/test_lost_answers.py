"""Denials whose answer was lost with the server: they have no ids, and count once all the same.

In PostgreSQL alone: whoever commits to SQLite hears of it.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest

from ledger.check import Hearing, Records
from ledger.events import KeyUseDenied
from ledger.key_terms import CreatedKey
from ledger.secret import Peppers
from ledger.verdict import Presented, Reason, question
from tests.place import Place
from tests.world import World

ASKED = 3


@pytest.fixture
def world() -> Iterator[World]:
    with Place("postgresql").ledger() as address:
        world = World(address)
        yield world
        world.database.close()


@pytest.fixture
def revoked(world: World) -> CreatedKey:
    created = world.create()
    world.ledger.revoke_key(world.org, world.admin, world.credential(created.id))
    return created


def hearing(world: World, key: CreatedKey) -> Hearing:
    asked = [question(Peppers(), key.secret, Presented("payments")) for _ in range(ASKED)]
    return Hearing(world.ledger.recorder, asked, world.clock, Random(3).randbytes)


def denied(world: World) -> int:
    world.clock.advance(timedelta(minutes=1))
    world.ledger.settle()
    return sum(each.count for each in world.told(KeyUseDenied))


def test_what_an_earlier_try_has_counted_is_not_counted_again(world: World, revoked: CreatedKey) -> None:
    # The first of a minute is an event, those after it are only counted.
    for heard in (hearing(world, revoked), hearing(world, revoked)):
        for tries in range(3):
            assert [answer.verdict.reason for answer in heard.answers(tries)] == [Reason.REVOKED] * ASKED

    assert denied(world) == 2 * ASKED


def test_what_an_earlier_try_has_not_committed_is_counted(world: World, revoked: CreatedKey) -> None:
    hearing(world, revoked).answers()
    (event,) = world.told(KeyUseDenied)
    records = Records(world.ledger.recorder, Random(4).randbytes)

    with suppress(ConnectionAbortedError), world.database.write() as connection:
        records.store(connection, [event], world.clock())
        raise ConnectionAbortedError
    for _ in range(2):
        with world.database.write() as connection:
            records.store(connection, [event], world.clock())

    assert denied(world) == ASKED + 1
