from collections.abc import Callable
from datetime import timedelta
from random import Random

from ledger.key_terms import NewKey
from tests.faults.desk import desk_at, real_time
from tests.faults.read_side import assert_read_side_agrees
from tests.faults.recount import assert_acknowledged, assert_index_agrees, recount
from tests.faults.scale import Scale
from tests.faults.tasks import Storm, record_run, send_again
from tests.faults.worker import crew

DAY_US = 24 * 3600 * 1_000_000
SENDERS, TIMES = 3, 5


def test_a_clock_that_jumps_back_and_forth_harms_neither_lives_nor_uses(
    address: str, scale: Scale, note: Callable[..., None]
) -> None:
    # given a clock that is off by up to a day, another way each time it is read
    dice, start = Random(1), real_time()
    told: list[object] = []
    with desk_at(address, lambda: start + dice.randrange(-DAY_US, DAY_US)) as desk:
        key = desk.ledger.create_key(desk.org, desk.ada, NewKey("billing"))

        # when it lives and is used; what its clock calls future is refused, so the uses are two days old
        desk.clock = lambda: start - 2 * DAY_US
        for number in range(scale.decisions):
            decide = desk.ledger.enable_key if number % 2 else desk.ledger.disable_key
            decide(desk.org, desk.ada, desk.ledger.find_key(desk.org, "billing"))
            record_run(desk, f"writer/{number}", [key.id], 1 + number % 30, told.append)
        desk.ledger.rotate_key(
            desk.org, desk.ada, desk.ledger.find_key(desk.org, "billing"), timedelta(hours=1)
        )

    # then no decision is older than the one before it, all uses are there, and the last use is the latest
    found = recount(address)
    assert all(life.changed_at == sorted(life.changed_at) for life in found.keys.values())
    assert assert_acknowledged(found, told) == found.parts.total()
    assert_index_agrees(address, found)
    assert_read_side_agrees(address)
    note(decisions=scale.decisions, uses_acknowledged=found.parts.total())


def test_batches_that_several_processes_send_five_times_each_are_stored_once(
    address: str, scale: Scale, note: Callable[..., None]
) -> None:
    with desk_at(address) as desk:
        key_id = desk.ledger.create_key(desk.org, desk.ada, NewKey("billing")).id
    storm = Storm(key_id, scale.storm_batches, TIMES, real_time())

    # when all send the same at once, each in an order of its own
    with crew() as start:
        senders = [start(send_again, address, storm, seed) for seed in range(SENDERS)]
        for sender in senders:
            sender.await_word()
        for sender in senders:
            sender.stop("go")
        sums = [sender.finish()[-1] for sender in senders]

    # then one of them stored each use, and all the others were told that it is known
    sent = sum(map(storm.size, range(storm.batches)))
    stored, duplicates, refused = map(sum, zip(*sums, strict=True))
    assert (stored, duplicates, refused) == (sent, sent * (SENDERS * TIMES - 1), 0)
    assert recount(address).parts.total() == sent
    assert_read_side_agrees(address)
    note(uses=sent, sent=sent * SENDERS * TIMES, processes=SENDERS)
