from collections.abc import Callable
from random import Random
from time import sleep

from ledger.intake import BATCH_SIZE
from ledger.key_terms import NewKey
from tests.faults.desk import desk_at
from tests.faults.read_side import assert_read_side_agrees
from tests.faults.recount import assert_acknowledged, assert_index_agrees, assert_no_half_part, recount
from tests.faults.scale import Scale
from tests.faults.tasks import SIZES, append, live
from tests.faults.worker import crew
from tests.place import plain


def test_a_writer_killed_at_any_moment_loses_nothing_acknowledged_and_leaves_no_half_batch(
    address: str, scale: Scale, note: Callable[..., None]
) -> None:
    # given a writer that is left alone
    dice = Random(1)
    with desk_at(address) as desk:
        key_ids = [desk.ledger.create_key(desk.org, desk.ada, NewKey(f"key-{n}")).id for n in range(3)]
    told: list[object] = []
    with crew() as start:
        bystander = start(append, address, "bystander", key_ids)
        bystander.await_word()

        # when others are killed at any instant of their work
        for number in range(scale.writer_kills):
            victim = start((append, live)[number % 2], address, f"victim-{number}", key_ids)
            victim.await_word(dice.randrange(30))
            sleep(dice.uniform(0, 0.05))
            victim.kill()
            told += victim.told
            with plain(address) as connection:
                count, last = connection.execute("SELECT count(*), max(position) FROM events").fetchone()
                assert count == last

        # then nobody else is held up
        bystander.await_word(len(bystander.told))
        bystander.stop()
        told += bystander.finish()

    # and all that was acknowledged is there once, the rest whole or not at all, and the next start is plain
    found = recount(address)
    uses = assert_acknowledged(found, told)
    assert_no_half_part(found, SIZES, BATCH_SIZE)
    assert_index_agrees(address, found)
    assert_read_side_agrees(address)
    note(kills=scale.writer_kills, uses_acknowledged=uses, events=found.events)
