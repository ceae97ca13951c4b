"""What holds when several processes work on one ledger, and when one of them is killed."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Barrier
from time import sleep

import pytest
from sqlalchemy import select

from ledger import api_key, ids
from ledger.actor import Stamp
from ledger.api_key import ApiKey, evolve
from ledger.database import open_database
from ledger.errors import Conflict, WrongState
from ledger.event_store import EventRecorder
from ledger.events import KeyRevoked, KeyRotated, KeyUsed
from ledger.schema import create_schema, credentials
from ledger.secret import Secret
from ledger.streams import Decision, Streams
from ledger.usage import Use
from ledger.verdict import Presented
from tests.place import plain
from tests.world import ADMIN_EMAIL, START, Clock, World

spawn = multiprocessing.get_context("spawn")
PATIENCE_S = 60


def run(*tasks: tuple[Callable[..., object], tuple[object, ...]]) -> list[SpawnProcess]:
    processes = [spawn.Process(target=target, args=args) for target, args in tasks]
    for process in processes:
        process.start()
    return processes


def finish(processes: list[SpawnProcess]) -> None:
    for process in processes:
        process.join(PATIENCE_S)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def folded(world: World, key_id: bytes) -> ApiKey:
    key: ApiKey | None = None
    for row in world.rows():
        if row.stream_id == key_id:
            key = evolve(key, key_id, row.version, row.event)
    assert key is not None
    return key


def assert_index_agrees(world: World, key_id: bytes) -> None:
    key = folded(world, key_id)
    with world.database.read() as connection:
        row = connection.execute(select(credentials).where(credentials.c.key_id == key_id)).one()
    assert (row.state, row.successor_id, row.overlap_ends_at) == (
        key.state,
        key.successor_id,
        key.overlap_ends_at,
    )


def decide(address: str, what: str, key_id: bytes, barrier: Barrier, outcome: Pipe) -> None:
    """Load and decide, wait until the other has done so too, then append."""
    database = open_database(address)
    streams = Streams(EventRecorder(database))
    ledger = World.opened(address, Clock())
    org = ledger.organization()
    stamp = Stamp(org.id, org.claimed_actor(ADMIN_EMAIL), START)
    key = streams.key(key_id)
    event = (
        api_key.revoke(key, "leaked", stamp)
        if what == "revoke"
        else api_key.rotate(key, ids.hashed_id("successor"), 1, stamp)
    )
    barrier.wait(PATIENCE_S)
    try:
        streams.append([Decision(key.id, key.version + 1, event)])
        outcome.send("done")
    except Conflict as conflict:
        outcome.send(str(conflict))
    database.close()
    ledger.database.close()


@pytest.mark.parametrize("decisions", [("revoke", "rotate"), ("revoke", "revoke"), ("rotate", "rotate")])
def test_of_two_processes_that_decide_from_the_same_state_exactly_one_wins(
    world: World, decisions: tuple[str, str]
) -> None:
    # given a key that both have loaded before either appends
    created = world.create()
    barrier = spawn.Barrier(2)
    pipes = [spawn.Pipe(duplex=False) for _ in decisions]
    finish(
        run(
            *(
                (decide, (world.address, what, created.id, barrier, sending))
                for what, (_, sending) in zip(decisions, pipes, strict=True)
            )
        )
    )

    # then one is done, the other is told of the conflict, and one event stands
    outcomes = sorted(receiving.recv() for receiving, _ in pipes)
    assert outcomes[0] == "done"
    assert "was first; nothing was stored: look again and repeat" in outcomes[1]
    assert len(world.told(KeyRevoked)) + len(world.told(KeyRotated)) == 1
    assert_index_agrees(world, created.id)


def race(address: str, what: str, key_ids: list[bytes], barrier: Barrier, outcome: Pipe) -> None:
    ledger = World.opened(address, Clock(), seed=ord(what[1]))
    org = ledger.organization()
    admin = org.claimed_actor(ADMIN_EMAIL)
    found = []
    for key_id in key_ids:
        credential = ledger.find_key(org, key_id.hex())
        barrier.wait(PATIENCE_S)
        try:
            if what == "revoke":
                ledger.revoke_key(org, admin, credential)
            else:
                ledger.rotate_key(org, admin, credential, timedelta(hours=1))
            found.append("done")
        except (Conflict, WrongState) as refusal:
            found.append(type(refusal).__name__)
    outcome.send(found)
    ledger.database.close()


def test_revoking_and_rotating_at_once_many_times_never_leaves_a_key_in_between(world: World) -> None:
    # given two processes that meet at each of many keys
    key_ids = [world.create(f"key-{number}").id for number in range(60)]
    barrier = spawn.Barrier(2)
    pipes = [spawn.Pipe(duplex=False) for _ in range(2)]
    processes = run(
        *(
            (race, (world.address, what, key_ids, barrier, pipe[1]))
            for what, pipe in zip(("revoke", "rotate"), pipes, strict=True)
        )
    )
    revocations, rotations = (receiving.recv() for receiving, _ in pipes)
    finish(processes)

    # then each key went one of the ways that there are, and its index row says the same as its events
    for key_id, revoked, rotated in zip(key_ids, revocations, rotations, strict=True):
        key = folded(world, key_id)
        assert "done" in (revoked, rotated)
        # Whoever came to see the other's event was refused, or (a rotated key may be revoked) came second.
        assert (revoked, rotated) in {
            ("done", "Conflict"),
            ("done", "WrongState"),
            ("Conflict", "done"),
            ("done", "done"),
        }
        assert (key.successor_id is not None) == (rotated == "done")
        assert_index_agrees(world, key_id)
    successors = {event.successor_id for event in world.told(KeyRotated)}
    assert len(successors) == rotations.count("done")
    assert {row.stream_id for row in world.rows()} >= successors


def append_many(address: str, seed: int, rounds: int, barrier: Barrier) -> None:
    ledger = World.opened(address, Clock(), seed)
    org = ledger.organization()
    admin = org.claimed_actor(ADMIN_EMAIL)
    key_id = ledger.find_key(org, "billing").key_id
    barrier.wait(PATIENCE_S)
    for number in range(rounds):
        uses = [Use(key_id, "payments", START - number, caller=str(seed)) for _ in range(1 + number % 7)]
        ledger.record_uses(org, admin, uses)
    ledger.database.close()


def test_positions_stay_gapless_when_several_processes_append(world: World) -> None:
    world.create()
    writers, rounds = 3, 70
    barrier = spawn.Barrier(writers)
    processes = run(
        *((append_many, (world.address, seed, rounds, barrier)) for seed in range(10, 10 + writers))
    )

    # A reader that has seen a position has seen all below it, at every moment.
    with plain(world.address) as reader:
        while any(process.is_alive() for process in processes):
            count, last = reader.execute("SELECT count(*), max(position) FROM events").fetchone()
            assert count == last
    finish(processes)

    positions = [row.position for row in world.rows()]
    assert positions == list(range(1, len(positions) + 1))
    assert len(world.told(KeyUsed)) == writers * sum(1 + number % 7 for number in range(rounds))


def write_for_ever(address: str, secret_text: str, acknowledged: Pipe, seed: int) -> None:
    ledger = World.opened(address, Clock(), seed)
    org = ledger.organization()
    admin = org.claimed_actor(ADMIN_EMAIL)
    key_id = ledger.find_key(org, "billing").key_id
    number = 0
    while True:
        ledger.record_uses(
            org, admin, [Use(key_id, "payments", START, f"{seed}-{number}-{n}") for n in range(20)]
        )
        assert ledger.check(Secret(secret_text), Presented("checked", str(seed))).valid
        number += 1
        acknowledged.send(number)


def test_a_killed_writer_loses_nothing_acknowledged_and_leaves_no_half_batch(world: World) -> None:
    created = world.create()
    stored = checked = 0
    for seed, pause in enumerate((0.05, 0.12, 0.2, 0.03, 0.31)):
        # when a writer is killed at any instant of its work
        receiving, sending = spawn.Pipe(duplex=False)
        (process,) = run((write_for_ever, (world.address, created.secret.reveal(), sending, seed)))
        sending.close()
        receiving.recv()
        sleep(pause)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join(PATIENCE_S)
        acknowledged = 1
        while True:
            try:
                acknowledged = receiving.recv()
            except (EOFError, OSError):
                break

        # then what it had acknowledged is there, and of the rest whole batches only
        uses = [event for event in world.told(KeyUsed) if event.service == "payments"][stored:]
        checks = [event for event in world.told(KeyUsed) if event.service == "checked"][checked:]
        assert len(uses) % 20 == 0
        assert acknowledged <= len(checks) <= len(uses) // 20 <= acknowledged + 1
        stored, checked = stored + len(uses), checked + len(checks)

    positions = [row.position for row in world.rows()]
    assert positions == list(range(1, len(positions) + 1))


def initialize(address: str, barrier: Barrier, outcome: Pipe) -> None:
    database = open_database(address, create=True)
    barrier.wait(PATIENCE_S)
    try:
        create_schema(database)
        outcome.send("done")
    except WrongState as refusal:
        outcome.send(str(refusal))
    database.close()


@pytest.mark.parametrize("founders", [2, 4, 8])
def test_of_many_processes_that_make_the_same_ledger_one_does_and_the_others_are_told(
    address: str, founders: int
) -> None:
    barrier = spawn.Barrier(founders)
    pipes = [spawn.Pipe(duplex=False) for _ in range(founders)]

    finish(run(*((initialize, (address, barrier, sending)) for _, sending in pipes)))

    outcomes = [receiving.recv() for receiving, _ in pipes]
    outcomes.remove("done")
    assert all(outcome.endswith(" is a ledger already") for outcome in outcomes)
