import gzip
import os
import threading
import time
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from ledger.importers.pipe import PATIENCE_S, lines_as_they_come
from ledger.intake import Flush

LIMIT = 100


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, int]]:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream:
        yield stream, writer


def test_the_lines_are_those_that_were_written_however_they_were_cut(pipe: tuple[BinaryIO, int]) -> None:
    stream, writer = pipe
    for part in (b"a", b"b\nc", b"\n\n", b"d\ne"):
        os.write(writer, part)
    os.close(writer)

    assert list(lines_as_they_come(stream, LIMIT)) == [b"ab", b"c", b"", b"d", b"e"]


def test_of_an_endless_line_only_the_start_is_kept(pipe: tuple[BinaryIO, int]) -> None:
    stream, writer = pipe

    def write() -> None:
        with os.fdopen(writer, "wb") as file:
            file.write(b"x" * 1_000_000 + b"\nshort")

    thread = threading.Thread(target=write)
    thread.start()
    found = list(lines_as_they_come(stream, LIMIT))
    thread.join()

    assert [line for line in found if isinstance(line, bytes)] == [b"x" * (LIMIT + 1), b"short"]


def test_lines_that_wait_for_more_are_flushed_once_and_in_time(pipe: tuple[BinaryIO, int]) -> None:
    stream, writer = pipe
    lines = lines_as_they_come(stream, LIMIT)
    os.write(writer, b"a\nb\nc")

    begun = time.monotonic()
    found = [next(lines) for _ in range(3)]
    waited = time.monotonic() - begun
    threading.Timer(3 * PATIENCE_S, os.close, [writer]).start()
    rest = list(lines)

    assert found == [b"a", b"b", Flush.NOW]
    assert waited >= PATIENCE_S
    assert rest == [b"c"]


def test_a_steady_trickle_is_flushed_too(pipe: tuple[BinaryIO, int]) -> None:
    stream, writer = pipe

    def trickle() -> None:
        with os.fdopen(writer, "wb", buffering=0) as file:
            for _ in range(12):
                file.write(b"a\n")
                time.sleep(PATIENCE_S / 4)

    thread = threading.Thread(target=trickle)
    thread.start()
    found = list(lines_as_they_come(stream, LIMIT))
    thread.join()

    assert found.count(b"a") == 12
    assert found.count(Flush.NOW) >= 2


def test_who_asks_for_it_is_woken_again_and_again_while_nothing_comes(pipe: tuple[BinaryIO, int]) -> None:
    stream, writer = pipe
    lines = lines_as_they_come(stream, LIMIT, idle_s=0.01)

    idle = [next(lines) for _ in range(2)]
    os.write(writer, b"a\n")
    os.close(writer)

    assert idle == [Flush.NOW, Flush.NOW]
    assert b"a" in list(lines)


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_what_comes_packed_is_unpacked_as_it_comes(pipe: tuple[BinaryIO, int], size: int) -> None:
    stream, writer = pipe
    # A member of nothing, and at the end the zeros that fill a block.
    packed = gzip.compress(b"a\nb\n") + gzip.compress(b"") + gzip.compress(b"c") + bytes(9)

    def write() -> None:
        for start in range(0, len(packed), size):
            os.write(writer, packed[start : start + size])
            time.sleep(0.001)
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    lines = list(lines_as_they_come(stream, LIMIT))
    thread.join()

    assert [line for line in lines if line is not Flush.NOW] == [b"a", b"b", b"c"]


@pytest.mark.parametrize("text", [b"", b"a", b"\x1f", b"\x1fa", b"\x1f\n"])
def test_what_only_begins_as_if_it_were_packed_is_taken_as_it_is(
    pipe: tuple[BinaryIO, int], text: bytes
) -> None:
    stream, writer = pipe
    os.write(writer, text)
    os.close(writer)

    assert list(lines_as_they_come(stream, LIMIT)) == [line for line in text.split(b"\n") if line]


@pytest.mark.parametrize(("rest", "error"), [(b"", EOFError), (b"no gzip at all", zlib.error)])
def test_what_comes_packed_and_cut_short_or_damaged_is_told(
    pipe: tuple[BinaryIO, int], rest: bytes, error: type[Exception]
) -> None:
    stream, writer = pipe
    os.write(writer, gzip.compress(b"a\nb\n")[:-8] + rest)
    os.close(writer)

    with pytest.raises(error):
        list(lines_as_they_come(stream, LIMIT))
