from collections.abc import Callable
from random import Random
from time import sleep

from ledger.intake import BATCH_SIZE
from ledger.key_terms import NewKey
from tests.faults.desk import desk_at, found
from tests.faults.read_side import assert_read_side_agrees
from tests.faults.recount import assert_acknowledged, assert_index_agrees, assert_no_half_part, recount
from tests.faults.scale import Scale
from tests.faults.server import own_server
from tests.faults.tasks import SIZES, append, live, tail
from tests.faults.worker import crew


def test_writers_outlive_a_killed_postgresql_and_nothing_is_lost_or_doubled(
    scale: Scale, note: Callable[..., None]
) -> None:
    dice = Random(1)
    with own_server() as server, crew() as start:
        # given writers of a server of our own
        found(server.address)
        with desk_at(server.address) as desk:
            key_ids = [desk.ledger.create_key(desk.org, desk.ada, NewKey(f"key-{n}")).id for n in range(3)]
        writers = [start(append, server.address, f"writer-{n}", key_ids) for n in range(3)]
        writers.append(start(live, server.address, "admin", ()))
        reader = start(tail, server.address)
        reader.await_word()
        for writer in writers:
            writer.await_word(2)

        # when it is killed again and again, all of it or one process, after which it restarts by itself
        for number in range(scale.server_kills):
            sleep(dice.uniform(0, 0.5))
            if number % 2:
                server.kill_one_connection()
            else:
                server.kill()
                server.start()
            # then every writer goes on by itself
            for writer in writers:
                writer.await_word(len(writer.told))
        for writer in writers:
            writer.stop()
        told = [word for writer in writers for word in writer.finish()]

        # and all that was acknowledged is there exactly once, and the reader has seen it all
        counted = recount(server.address)
        reader.stop(counted.events)
        assert reader.finish()[1:] == [counted.events]
        uses = assert_acknowledged(counted, told)
        assert_no_half_part(counted, SIZES, BATCH_SIZE)
        assert uses == counted.parts.total()
        assert_index_agrees(server.address, counted)
        assert_read_side_agrees(server.address)
    note(kills=scale.server_kills, uses_acknowledged=uses, events=counted.events)
