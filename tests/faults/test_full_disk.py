import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.errors import LedgerUnavailable
from ledger.intake import BATCH_SIZE
from ledger.key_terms import NewKey
from tests.door import Door
from tests.faults.desk import ADMIN, Desk, desk_at, found
from tests.faults.read_side import assert_read_side_agrees
from tests.faults.recount import assert_acknowledged, assert_index_agrees, recount
from tests.faults.tasks import record_run

FULL = "the disk is full; nothing of this batch was stored: make room and try again"
MOST_RUNS = 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of a few megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "keyledger", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small file system here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def make_room(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)


def fill(folder: Path) -> None:
    free = os.statvfs(folder)
    (folder / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize))


def record_until_full(desk: Desk, key_id: bytes, told: list[object]) -> str:
    for number in range(MOST_RUNS):
        try:
            record_run(desk, f"writer/{number}", [key_id], BATCH_SIZE, told.append)
        except LedgerUnavailable as error:
            return str(error)
    pytest.fail("the disk did not become full")


def test_a_full_disk_is_told_in_one_line_loses_nothing_and_is_over_when_there_is_room(
    small_disk: Path, note: Callable[..., None]
) -> None:
    # given a ledger that fills its disk
    address = str(small_disk / "ledger.db")
    found(address)
    told: list[object] = []
    with desk_at(address) as desk:
        key = desk.ledger.create_key(desk.org, desk.ada, NewKey("billing"))
        assert record_until_full(desk, key.id, told) == f"{address}: {FULL}"

        # then what was acknowledged stands, also for others, and nothing of the rest
        before = recount(address)
        assert assert_acknowledged(before, told) == before.parts.total() > 0

        # when there is room again, then the very same process goes on
        make_room(small_disk)
        record_run(desk, "writer/later", [key.id], BATCH_SIZE, told.append)
        desk.ledger.revoke_key(desk.org, desk.ada, desk.ledger.find_key(desk.org, "billing"))
    after = recount(address)
    assert assert_acknowledged(after, told) == after.parts.total()
    assert_index_agrees(address, after)
    assert_read_side_agrees(address)
    note(uses_acknowledged=after.parts.total())


def test_commands_on_a_full_disk_fail_in_one_line_and_work_when_there_is_room(small_disk: Path) -> None:
    # given a ledger on a disk that something else has filled
    door = Door(small_disk, str(small_disk / "ledger.db"))
    found(door.address)
    with desk_at(door.address) as desk:
        desk.ledger.create_key(desk.org, desk.ada, NewKey("billing"))
    line = json.dumps({"key": "billing", "service": "payments", "occurred_at": "2026-01-01T00:00:00Z"})
    lines = "".join(f"{line}\n" for _ in range(50_000))
    fill(small_disk)

    # when it is written, then that fails with what to do
    for command in (("use", "append", "--as", ADMIN), ("key", "create", "web", "--as", ADMIN)):
        answer = door(*command, stdin=lines)
        assert answer.status == 1
        assert answer.out == ""
        assert len(answer.err.splitlines()) == 1
        assert "disk is full" in answer.err

    # and when there is room it works
    make_room(small_disk)
    assert door.well("use", "append", "--as", ADMIN, "--format", "json", stdin=lines).json["stored"] == 50_000
