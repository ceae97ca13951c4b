"""What workers do until they are stopped; they tell what has returned, so what must be on disk."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import count
from random import Random
from threading import Thread
from time import sleep

import msgspec

from ledger.errors import Refused
from ledger.event_store import EventRecorder
from ledger.intake import BATCH_SIZE
from ledger.key_terms import CreatedKey, NewKey
from ledger.usage import Intake, Use
from ledger.verdict import Presented
from projections.catch_up import catch_up
from projections.rebuild import rebuild
from tests.faults.desk import Desk, desk_at
from tests.faults.worker import Line

# One, few and many at once, and more than a batch: those are prepared while others are being stored.
SIZES = (1, 7, 250, 2 * BATCH_SIZE + 300)

READY = "ready"


def until_stopped(line: Line) -> Iterator[int]:
    line.send(READY)
    for number in count():
        if line.poll():
            return
        yield number


def append(line: Line, address: str, name: str, key_ids: Sequence[bytes]) -> None:
    """Record uses; each part of at most a batch is told when it is acknowledged, with its size."""
    with desk_at(address) as desk:
        for number in until_stopped(line):
            record_run(desk, f"{name}/{number}", key_ids, SIZES[number % len(SIZES)], line.send)


def record_run(
    desk: Desk, run: str, key_ids: Sequence[bytes], size: int, tell: Callable[[object], object]
) -> None:
    """Record so many uses; each part of at most a batch is told when it is acknowledged."""

    def acknowledge(_intake: Intake, reached: str | int) -> None:
        start = int(reached) // BATCH_SIZE * BATCH_SIZE
        tell(("part", part_name(run, start), min(size - start, BATCH_SIZE)))

    uses = uses_of(desk.clock(), run, key_ids, size)
    desk.ledger.record_uses(desk.org, desk.ada, uses, on_batch=acknowledge)


def part_name(run: str, index: int) -> str:
    return f"{run}/{index // BATCH_SIZE}"


def uses_of(now: int, run: str, key_ids: Sequence[bytes], size: int) -> Iterator[Use]:
    for index in range(size):
        yield Use(
            key_ids[index % len(key_ids)],
            "payments",
            now - index,
            f"{run}/{index}",
            run.split("/", maxsplit=1)[0],
            # Nothing but a recount reads it: it says of which part a use is.
            user_agent=part_name(run, index),
            where=index,
        )


def live(line: Line, address: str, name: str, shared: Sequence[bytes]) -> None:
    """Create, check, rotate and revoke keys of its own, and the shared ones against others."""
    dice = Random(name)
    with desk_at(address) as desk:
        for number in until_stopped(line):
            _whole_life(line, desk, f"{name}-{number}")
            if shared:
                _meddle(line, desk, dice.choice(shared), number)


def _whole_life(line: Line, desk: Desk, name: str) -> None:
    key = desk.ledger.create_key(desk.org, desk.ada, NewKey(name))
    line.send(("active", key.id))
    _present(line, desk, key, valid=True)
    rotated = desk.ledger.rotate_key(
        desk.org, desk.ada, desk.ledger.find_key(desk.org, key.id.hex()), timedelta(hours=1)
    )
    line.send(("active", rotated.successor.id))
    line.send(("rotated", key.id, rotated.successor.id))
    desk.ledger.revoke_key(desk.org, desk.ada, desk.ledger.find_key(desk.org, key.id.hex()))
    line.send(("revoked", key.id))
    _present(line, desk, key, valid=False)
    _present(line, desk, key, valid=False)


def _present(line: Line, desk: Desk, key: CreatedKey, *, valid: bool) -> None:
    assert desk.ledger.check(key.secret, Presented("door", key.name)).valid == valid
    line.send(("checked" if valid else "denied", key.id))


def _meddle(line: Line, desk: Desk, key_id: bytes, number: int) -> None:
    credential = desk.ledger.find_key(desk.org, key_id.hex())
    try:
        if number % 3 == 0:
            desk.ledger.revoke_key(desk.org, desk.ada, credential)
            line.send(("revoked", key_id))
        else:
            rotated = desk.ledger.rotate_key(desk.org, desk.ada, credential, timedelta(hours=1))
            line.send(("rotated", key_id, rotated.successor.id))
    except Refused:
        # Somebody was first, or the key's life is over: that is how it should be.
        line.send(("refused", key_id))


class Storm(msgspec.Struct, frozen=True):
    """The same batches, so many times each, of the moment `at`."""

    key_id: bytes
    batches: int
    times: int
    at: int

    def size(self, number: int) -> int:
        return 1 + number * 37 % (BATCH_SIZE - 1)


def send_again(line: Line, address: str, storm: Storm, seed: int) -> None:
    """Record a storm in an order of one's own; tells how many were stored, known and refused."""
    order = [number for number in range(storm.batches) for _ in range(storm.times)]
    Random(seed).shuffle(order)
    told = []
    with desk_at(address, lambda: storm.at) as desk:
        line.send(READY)
        line.recv()
        for number in order:
            at, size = storm.at - number * BATCH_SIZE, storm.size(number)
            uses = uses_of(at, f"storm/{number}", [storm.key_id], size)
            told.append(desk.ledger.record_uses(desk.org, desk.ada, uses))
    line.send(tuple(sum(getattr(each, of) for each in told) for of in ("stored", "duplicates", "refused")))


def project(line: Line, address: str) -> None:
    with desk_at(address) as desk:
        for _ in until_stopped(line):
            line.send(catch_up(desk.database))
            sleep(0.02)


def build_anew(line: Line, address: str) -> None:
    with desk_at(address) as desk:
        for _ in until_stopped(line):
            line.send(rebuild(desk.database))


def tail(line: Line, address: str) -> None:
    """Follow the ledger to the position that it is stopped with; tells the positions that it came to."""
    with desk_at(address) as desk, EventRecorder(desk.database).subscribe(0) as subscription:
        last = 0

        def stop_at_the_end() -> None:
            goal = line.recv()
            while last < goal:
                sleep(0.02)
            subscription.stop()

        Thread(target=stop_at_the_end, daemon=True).start()
        line.send(READY)
        for notification in subscription:
            assert notification.id == last + 1, f"{notification.id} came after {last}"
            last = notification.id
        line.send(last)
