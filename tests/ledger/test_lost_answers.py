"""Denials whose answer was lost with the server: they have no ids, and count once all the same.

In PostgreSQL alone: whoever commits to SQLite hears of it.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from random import Random

import msgspec
import pytest
from sqlalchemy import Connection

from ledger.check import Hearing, Records
from ledger.errors import LedgerUnavailable
from ledger.events import KeyUseDenied
from ledger.key_terms import CreatedKey
from ledger.secret import Peppers
from ledger.verdict import Presented, Reason, question
from tests.faults.server import own_server
from tests.place import Place, plain
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
    return revoked_key(world)


def revoked_key(world: World, name: str = "first") -> CreatedKey:
    created = world.create(name)
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


def test_what_an_earlier_try_has_counted_is_known_whoever_counts_meanwhile(
    world: World, revoked: CreatedKey
) -> None:
    heard = hearing(world, revoked)
    heard.answers()
    # A lost answer ends its connection.
    world.database.engine.dispose()
    for key in (revoked, revoked_key(world, "second")):
        hearing(world, key).answers()
    heard.answers(1)

    assert denied(world) == 3 * ASKED


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


def test_what_a_killed_server_forgot_is_counted_though_its_next_transaction_has_the_same_number() -> None:
    with own_server() as server:
        world = World(server.address)
        first, second = revoked_key(world), revoked_key(world, "second")
        for key in (first, second):
            hearing(world, key).answers()
        event = next(each for each in world.told(KeyUseDenied) if each.key_id == first.id)
        records = Records(world.ledger.recorder, Random(4).randbytes)

        numbers = []
        with suppress(LedgerUnavailable), world.database.write() as connection:
            records.store(connection, [event], world.clock())
            numbers.append(number_of_transaction(connection))
            server.kill()
        server.start()
        with world.database.write() as connection:
            numbers.append(number_of_transaction(connection))
            Records(world.ledger.recorder, Random(5).randbytes).store(
                connection, [msgspec.structs.replace(event, key_id=second.id)], world.clock()
            )
        with world.database.write() as connection:
            records.store(connection, [event], world.clock())

        assert len(set(numbers)) == 1
        assert denied(world) == 2 * ASKED + 2
        world.database.close()


def number_of_transaction(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT txid_current()").scalar_one())


def test_marks_are_kept_as_long_as_anybody_may_ask_for_them(world: World, revoked: CreatedKey) -> None:
    def marks() -> int:
        with plain(world.address) as connection:
            (found,) = connection.execute("SELECT count(*) FROM denied_uses WHERE state = ''").fetchone()
        return int(found)

    heard = [hearing(world, revoked)]
    heard[0].answers()
    for minutes in (20, 40, 20):
        world.clock.advance(timedelta(minutes=minutes))
        heard.append(hearing(world, revoked))
        heard[-1].answers()
    world.database.engine.dispose()
    heard[-1].answers(1)
    assert marks() == 1
    assert denied(world) == len(heard) * ASKED

    world.clock.advance(timedelta(hours=1))
    world.ledger.settle()
    assert marks() == 0
