from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.key_terms import NewKey
from ledger.observation import ExternalKey
from ledger.usage import Use
from projections.catch_up import catch_up
from projections.view import open_view
from tests.faults.desk import desk_at, real_time
from tests.faults.recount import recount
from tests.faults.scale import Scale
from tests.faults.worker import Line, crew

STATUS = Path("/proc/self/status")
MOST_MB = 300

pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="the peak of memory is read where Linux tells it")


def peak_mb() -> int:
    """Of this process alone: what getrusage tells begins with its parent's."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


def uses_of_one(key_id: bytes, many: int) -> Iterator[Use]:
    now = real_time()
    return (Use(key_id, "payments", now - n, user_agent="one/0") for n in range(many))


def uses_of_each(many: int) -> Iterator[Use]:
    now = real_time()
    for number in range(many):
        yield Use(ExternalKey("aws", f"AKIA{number:016}"), "payments", now - number, user_agent="each/0")


def take_in(line: Line, address: str, key_id: bytes | None, many: int) -> None:
    """Take in, catch up and read; tells the uses stored, then the peak of memory after each step."""
    with desk_at(address) as desk:
        uses = uses_of_each(many) if key_id is None else uses_of_one(key_id, many)
        line.send(desk.ledger.record_uses(desk.org, desk.ada, uses).stored)
        line.send(peak_mb())
        catch_up(desk.database)
        line.send(peak_mb())


def in_a_process(*arguments: object) -> tuple[int, int, int]:
    with crew() as start:
        stored, recording_mb, projecting_mb = start(take_in, *arguments).finish(600)
    return stored, recording_mb, projecting_mb


def test_very_many_uses_of_one_key_need_little_memory_and_are_all_counted(
    address: str, scale: Scale, note: Callable[..., None]
) -> None:
    with desk_at(address) as desk:
        key_id = desk.ledger.create_key(desk.org, desk.ada, NewKey("billing")).id
    many = scale.uses_of_one_key

    stored, recording_mb, projecting_mb = in_a_process(address, key_id, many)

    assert stored == recount(address).uses[key_id].count == many
    assert max(recording_mb, projecting_mb) < MOST_MB
    with desk_at(address) as desk, open_view(desk.database, desk.org.id, None) as view:
        assert view.record(key_id).use_count == many
    note(uses=many, recording_mb=recording_mb, projecting_mb=projecting_mb)


def test_very_many_keys_used_once_need_little_memory_and_are_all_counted(
    address: str, scale: Scale, note: Callable[..., None]
) -> None:
    many = scale.keys_used_once

    stored, recording_mb, projecting_mb = in_a_process(address, None, many)

    uses = recount(address).uses
    assert stored == len(uses) == many
    assert {use.count for use in uses.values()} == {1}
    assert max(recording_mb, projecting_mb) < MOST_MB
    with desk_at(address) as desk, open_view(desk.database, desk.org.id, None) as view:
        assert {record.id: record.use_count for record in view.records()} == dict.fromkeys(uses, 1)
    note(keys=many, recording_mb=recording_mb, projecting_mb=projecting_mb)
