import gzip
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest

from ledger.errors import InvalidInput
from ledger.importers.files import (
    UNREADABLE,
    bounded_lines,
    find_files,
    open_file,
    total_size,
    why_unreadable,
)

SUFFIXES = (".json", ".gz")
CONTENT = b"content" * 9999


def test_a_folder_gives_its_matching_files_in_order_and_those_below(tmp_path: Path) -> None:
    # given
    (tmp_path / "b" / "c").mkdir(parents=True)
    for name in ("z.json", "a.json.gz", "b/c/m.JSON", "notes.txt", "._z.json"):
        (tmp_path / name).write_bytes(b"{}")

    # when
    found = find_files([tmp_path], SUFFIXES)

    # then
    assert [str(file.relative_to(tmp_path)) for file in found] == ["a.json.gz", "b/c/m.JSON", "z.json"]
    assert total_size(found) == 6


def test_a_file_given_by_name_may_have_any_name_and_counts_once(tmp_path: Path) -> None:
    # given
    file = tmp_path / "export"
    file.write_bytes(b"{}")
    (tmp_path / "x.json").write_bytes(b"{}")

    # then
    assert find_files([file, tmp_path, file, tmp_path / "x.json"], SUFFIXES) == [file, tmp_path / "x.json"]


@pytest.mark.parametrize(("name", "reason"), [("gone", "does not exist"), (".", "holds no file named")])
def test_a_path_with_nothing_to_read_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        find_files([tmp_path / name], SUFFIXES)


def test_a_file_that_vanished_counts_nothing(tmp_path: Path) -> None:
    assert total_size([tmp_path / "gone"]) == 0


@pytest.mark.parametrize("name", ["x", "x.gz", "x.json"])
@pytest.mark.parametrize("packed", [False, True])
def test_gzip_is_told_by_its_first_bytes_and_progress_counts_the_bytes_on_disk(
    tmp_path: Path, name: str, *, packed: bool
) -> None:
    # given
    file = tmp_path / name
    file.write_bytes(gzip.compress(CONTENT) if packed else CONTENT)
    seen: list[int] = []

    # when
    with open_file(file, seen.append) as stream:
        content = stream.read()

    # then
    assert content == CONTENT
    assert sum(seen) == file.stat().st_size


@pytest.mark.parametrize("packed", [False, True])
def test_gzip_is_told_though_a_pipe_brings_one_byte_first(tmp_path: Path, *, packed: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    sent = gzip.compress(CONTENT) if packed else CONTENT

    def send() -> None:
        with pipe.open("wb", buffering=0) as writing:
            writing.write(sent[:1])
            sleep(0.1)
            writing.write(sent[1:])

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send)
        with open_file(pipe) as file:
            assert file.read() == CONTENT
        sending.result()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(b"content" * 99, mtime=0)[:-9], "cut short"),
        (gzip.compress(b"content", mtime=0)[:10] + b"\xff" * 30, "damaged"),
        (gzip.compress(b"content", mtime=0)[:-8] + bytes(8), "damaged"),
    ],
)
def test_broken_gzip_says_what_is_wrong(tmp_path: Path, content: bytes, reason: str) -> None:
    # given
    file = tmp_path / "x"
    file.write_bytes(content)

    # when
    with pytest.raises(UNREADABLE) as failure, open_file(file) as stream:
        stream.read()

    # then
    assert reason in why_unreadable(failure.value)


def test_what_the_operating_system_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(UNREADABLE) as failure:
        open_file(tmp_path)
    assert why_unreadable(failure.value) == "cannot be read: Is a directory"


def test_a_line_over_the_limit_keeps_its_start_and_its_number() -> None:
    # given
    stream = io.BytesIO(b"one\n" + b"x" * 1000 + b"\n" + b"three\n" + b"y" * 10 + b"\n" + b"z" * 99)

    # when
    lines = list(bounded_lines(stream, 10))

    # then
    assert lines == [b"one\n", b"x" * 11, b"three\n", b"y" * 10 + b"\n", b"z" * 11]
