from collections.abc import Callable
from time import sleep

from ledger.intake import BATCH_SIZE
from ledger.key_terms import NewKey
from tests.faults.desk import desk_at
from tests.faults.read_side import assert_read_side_agrees
from tests.faults.recount import assert_acknowledged, assert_index_agrees, assert_no_half_part, recount
from tests.faults.scale import Scale
from tests.faults.tasks import SIZES, append, build_anew, live, project, tail
from tests.faults.worker import crew

APPENDING, DECIDING, PROJECTING = 8, 2, 2


def test_all_kinds_of_processes_at_once_leave_what_a_recount_finds(
    address: str, scale: Scale, note: Callable[..., None]
) -> None:
    # given keys that some use while others rotate and revoke them
    with desk_at(address) as desk:
        key_ids = [desk.ledger.create_key(desk.org, desk.ada, NewKey(f"key-{n}")).id for n in range(40)]

    # when all work at once
    with crew() as start:
        reader = start(tail, address)
        writers = [start(append, address, f"writer-{n}", key_ids) for n in range(APPENDING)]
        writers += [start(live, address, f"admin-{n}", key_ids) for n in range(DECIDING)]
        projectors = [start(project, address) for _ in range(PROJECTING)]
        builder = start(build_anew, address)
        everybody = (*writers, *projectors, builder)
        for worker in (reader, *everybody):
            worker.await_word()
        sleep(scale.load_s)
        for worker in everybody:
            worker.stop()
        told = [word for worker in writers for word in worker.finish()]
        projected = [worker.finish()[1:] for worker in (*projectors, builder)]
        found = recount(address)
        reader.stop(found.events)

        # then the reader has seen every position in turn, and nothing is missing anywhere
        assert reader.finish()[1:] == [found.events]
    uses = assert_acknowledged(found, told)
    assert_no_half_part(found, SIZES, BATCH_SIZE)
    assert uses == found.parts.total()
    assert_index_agrees(address, found)
    assert_read_side_agrees(address)
    # A catch-up never goes back, whatever is being built beside it.
    assert [positions for positions in projected[:PROJECTING] if positions != sorted(positions)] == []
    note(
        seconds=scale.load_s,
        events=found.events,
        uses_acknowledged=uses,
        rotated_or_revoked=sum(
            key.state == "revoked" or key.successor_id is not None for key in found.keys.values()
        ),
        catch_ups=sum(map(len, projected[:PROJECTING])),
        rebuilds=sum(map(len, projected[PROJECTING:])),
    )
