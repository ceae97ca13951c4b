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

from ledger import marks as marking
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


def test_earlier_tries_are_known_however_late_the_next_ones_are(world: World, revoked: CreatedKey) -> None:
    heard = hearing(world, revoked)
    for tries in range(4):
        heard.answers(tries)
        world.database.engine.dispose()
        world.clock.advance(timedelta(days=9))

    assert denied(world) == ASKED


def test_an_earlier_try_is_known_for_a_day_though_others_tell_what_is_over(
    world: World, revoked: CreatedKey
) -> None:
    # Some two hours before a mark that is not renewed would go.
    hearing(world, revoked).answers()
    world.clock.advance(timedelta(hours=22))
    last = hearing(world, revoked)
    last.answers()
    world.database.engine.dispose()
    world.clock.advance(timedelta(hours=24))
    world.ledger.settle()
    last.answers(1)

    assert denied(world) == 2 * ASKED
    assert marks(world) == 2
    world.clock.advance(timedelta(days=2))
    world.ledger.settle()
    assert marks(world) == 0


def test_a_connection_leaves_one_mark_and_none_that_was_written_very_often(
    world: World, revoked: CreatedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marking, "_WRITTEN_MOST", 2)
    for number in range(5):
        heard = hearing(world, revoked)
        for tries in range(1 + number % 2):
            heard.answers(tries)

    assert marks(world) == 1
    assert denied(world) == 5 * ASKED


def test_what_fails_of_itself_leaves_no_mark_behind(world: World, revoked: CreatedKey) -> None:
    for _ in range(3):
        hearing(world, revoked).answers()
        with suppress(ConnectionAbortedError), world.database.write():
            raise ConnectionAbortedError

    assert marks(world) == 1


def marks(world: World) -> int:
    with plain(world.address) as connection:
        (found,) = connection.execute("SELECT count(*) FROM denied_uses WHERE state = ''").fetchone()
    return int(found)
