"""The spool against crashes at any byte: what was appended is found again, whole, and nothing else is."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from usage_client.frame import frame, unframe
from usage_client.segment import Segment
from usage_client.spool import SEGMENT_BYTES, Spool, SpoolUnavailable

LINES = st.lists(st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b" ")), max_size=12)
MIB = 1 << 20


def clock() -> int:
    return 1_767_225_600_000_000


def open_spool(folder: Path, limit: int = MIB) -> Spool:
    return Spool(folder, limit, clock, os.urandom)


def drained(spool: Spool) -> Iterator[bytes]:
    spool.adopt()
    spool.seal()
    while segment := spool.take():
        yield from segment.read()[0]
        spool.finish(segment)


@given(LINES)
def test_what_was_framed_is_found_again(lines: list[bytes]) -> None:
    assert unframe(b"".join(map(frame, lines))) == (lines, 0)


@given(LINES, st.data())
def test_of_a_record_cut_at_any_byte_nothing_is_taken_for_a_use_and_nothing_for_damage(
    lines: list[bytes], data: st.DataObject
) -> None:
    written = b"".join(map(frame, lines))
    cut = data.draw(st.integers(0, len(written)))

    found, damaged = unframe(written[:cut])

    ends = [len(b"".join(map(frame, lines[: count + 1]))) for count in range(len(lines))]
    assert found == lines[: sum(end <= cut for end in ends)]
    assert damaged == 0


@given(LINES, st.binary(min_size=1, max_size=30))
def test_whatever_a_lost_machine_leaves_at_the_end_is_taken_for_no_use(
    lines: list[bytes], rubbish: bytes
) -> None:
    found, _ = unframe(b"".join(map(frame, lines)) + rubbish)

    assert found == lines


@given(LINES.filter(lambda lines: len(lines) > 2), st.data())
def test_a_changed_byte_costs_its_own_record_only_and_is_counted(
    lines: list[bytes], data: st.DataObject
) -> None:
    records = list(map(frame, lines))
    index = data.draw(st.integers(0, len(lines) - 2))
    at = data.draw(st.integers(0, len(records[index]) - 2))
    changed = bytearray(records[index])
    changed[at] ^= 1 if changed[at] ^ 1 != ord("\n") else 2

    found, damaged = unframe(b"".join([*records[:index], bytes(changed), *records[index + 1 :]]))

    assert found == lines[:index] + lines[index + 1 :]
    assert damaged == 1


class SpoolLife(RuleBasedStateMachine):
    """Appends, deliveries and crashes in any order; two processes, as far as locks go, share the folder."""

    def __init__(self) -> None:
        super().__init__()
        self._place = TemporaryDirectory()
        self.folder = Path(self._place.name) / "spool"
        self.spools = [open_spool(self.folder), open_spool(self.folder)]
        self.in_hand: list[list[Segment]] = [[], []]
        self.appended: list[bytes] = []
        self.delivered: list[bytes] = []
        self.crashed = False

    @rule(which=st.integers(0, 1), size=st.integers(0, 60))
    def append(self, which: int, size: int) -> None:
        line = b"%d %b" % (len(self.appended), b"x" * size)
        self.spools[which].append(line)
        self.appended.append(line)

    @rule(which=st.integers(0, 1))
    def seal_and_take(self, which: int) -> None:
        self.spools[which].seal()
        taken = self.spools[which].take()
        if taken is not None:
            self.in_hand[which].append(taken)

    @rule(which=st.integers(0, 1))
    def adopt(self, which: int) -> None:
        self.spools[which].adopt()

    @precondition(lambda self: any(self.in_hand))
    @rule(which=st.integers(0, 1), acknowledged=st.booleans())
    def deliver(self, which: int, *, acknowledged: bool) -> None:
        if self.in_hand[which]:
            segment = self.in_hand[which].pop(0)
            lines, damaged = segment.read()
            assert damaged == 0
            self.delivered += lines
            if acknowledged:
                self.spools[which].finish(segment)
            else:
                self.spools[which].put_back(segment)

    @rule(which=st.integers(0, 1), cut=st.integers(0, 80))
    def crash(self, which: int, cut: int) -> None:
        """The process is killed while it appends: of its last record some bytes may be there."""
        spool = self.spools[which]
        active = spool._active  # noqa: SLF001 - the end of a process closes its files, and nothing else does
        for segment in spool._held():  # noqa: SLF001 - as above
            segment.close()
        if active is not None:
            with active.path.open("ab") as file:
                file.write(frame(b"%d never promised %b" % (len(self.appended), b"y" * 60))[:cut])
        self.in_hand[which].clear()
        self.spools[which] = open_spool(self.folder)

    @invariant()
    def nothing_is_made_up(self) -> None:
        assert set(self.delivered) <= set(self.appended)

    def teardown(self) -> None:
        for which in (0, 1):
            while self.in_hand[which]:
                self.spools[which].put_back(self.in_hand[which].pop())
        self.delivered += drained(self.spools[0])
        self.delivered += drained(self.spools[1])
        assert set(self.delivered) == set(self.appended)
        assert self.spools[0].oldest() is None
        assert self.spools[0].size == self.spools[1].size == 0
        for spool in self.spools:
            spool.close()
        assert list(self.folder.iterdir()) == []
        self._place.cleanup()


SpoolLife.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_a_spool_gives_back_exactly_what_was_appended = SpoolLife.TestCase


def test_files_and_folder_are_their_owners_alone(spool: Path) -> None:
    opened = open_spool(spool)
    opened.append(b"a use")

    (path,) = spool.iterdir()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    opened.close()


def test_a_spool_at_its_bound_takes_nothing_more_until_something_is_delivered(spool: Path) -> None:
    opened = open_spool(spool, 1000)
    for _ in range(10):
        opened.append(b"x" * 90)

    with pytest.raises(SpoolUnavailable, match="full at 1000 bytes"):
        opened.append(b"x" * 90)

    assert len(list(drained(opened))) == 10
    opened.append(b"room again")
    opened.close()


def test_what_other_processes_keep_counts_towards_the_bound(spool: Path) -> None:
    first, second = open_spool(spool, 1000), open_spool(spool, 1000)
    for _ in range(10):
        first.append(b"x" * 90)

    second.measure()

    with pytest.raises(SpoolUnavailable):
        second.append(b"x" * 90)
    first.close()
    second.close()


def test_a_segment_is_ended_at_its_size_and_all_are_taken_in_the_order_of_time(spool: Path) -> None:
    opened = Spool(spool, 64 * MIB, iter(range(0, 10**9, 10**6)).__next__, os.urandom)
    lines = [b"%06d %b" % (number, bytes(1000)) for number in range(2 * SEGMENT_BYTES // 1000)]
    for line in lines:
        opened.append(line)

    assert len(list(spool.iterdir())) == 3
    assert list(drained(opened)) == lines


def test_a_segment_of_a_living_process_is_left_to_it(spool: Path) -> None:
    living, other = open_spool(spool), open_spool(spool)
    living.append(b"mine")

    assert other.adopt() == 0

    assert list(drained(living)) == [b"mine"]


def test_what_a_killed_process_wrote_is_adopted_by_the_next(spool: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from usage_client.spool import Spool
spool = Spool(Path(sys.argv[1]), 1 << 20, lambda: 1_767_225_600_000_000, os.urandom)
for number in range(1000):
    spool.append(b"%d" % number)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", code, spool], check=False)
    assert ended.returncode == -9

    opened = open_spool(spool)

    assert list(drained(opened)) == [b"%d" % number for number in range(1000)]


def test_files_of_others_in_the_folder_are_left_alone(spool: Path) -> None:
    spool.mkdir()
    stranger = spool / "notes.uses"
    stranger.write_bytes(frame(b"not ours"))
    link = spool / "00000000-0000-7000-8000-000000000000.uses"
    link.symlink_to(stranger)
    left = open_spool(spool)
    left.append(b"left behind")
    left.close()
    opened = open_spool(spool)

    with pytest.raises(OSError, match="symbolic links"):
        opened.adopt()

    opened.seal()
    assert [segment.read()[0] for segment in iter(opened.take, None)] == [[b"left behind"]]
    assert stranger.read_bytes() == frame(b"not ours")


def test_synced_means_that_nothing_was_appended_since(spool: Path) -> None:
    opened = open_spool(spool)
    states = [opened.is_synced]
    opened.append(b"a use")
    states.append(opened.is_synced)

    opened.sync()

    assert [*states, opened.is_synced] == [True, False, True]
    opened.close()


def test_many_threads_and_a_taker_lose_and_double_nothing(spool: Path) -> None:
    opened = open_spool(spool)
    found: list[bytes] = []

    def write(name: int) -> None:
        for number in range(500):
            opened.append(b"%d/%d" % (name, number))

    writers = [Thread(target=write, args=(name,)) for name in range(4)]
    for writer in writers:
        writer.start()
    dice = Random(1)
    while any(writer.is_alive() for writer in writers):
        opened.seal()
        segment = opened.take()
        if segment is not None:
            if dice.random() < 0.5:
                opened.put_back(segment)
            else:
                found += segment.read()[0]
                opened.finish(segment)
    found += drained(opened)

    assert sorted(found) == sorted(b"%d/%d" % (name, number) for name in range(4) for number in range(500))
