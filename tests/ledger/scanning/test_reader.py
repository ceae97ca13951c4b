"""Secrets in content of any kind and size."""

import io
import tracemalloc
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.scanning.reader import BUFFER_BYTES, Reader
from ledger.secret import new_secret

SECRET = new_secret("kl", Random(1).randbytes)
OTHER = new_secret("kl", Random(2).randbytes)
RAW = SECRET.reveal().encode()
LOOKALIKE = RAW[:-6] + b"000000"


def lines(content: bytes, *prefixes: str) -> list[tuple[str, int]]:
    """What is found in some content, and on which lines."""
    found = Reader(prefixes or ("kl",)).read(io.BytesIO(content).readinto)
    return [(hit.secret.reveal(), hit.line) for hit in found.hits]


@pytest.mark.parametrize(
    "content",
    [
        RAW,
        b'token: "%s"' % RAW,
        b"https://x/?k=%s&y" % RAW,
        b"AAA%sBBB" % RAW,
        b"\0\xff%s\0\xfe" % RAW,
        RAW * 2,
    ],
)
def test_a_secret_is_found_whatever_stands_around_it(content: bytes) -> None:
    assert {secret for secret, _ in lines(content)} == {SECRET.reveal()}


def test_what_only_looks_like_a_secret_is_passed_over() -> None:
    assert lines(LOOKALIKE) == lines(RAW[:-1]) == lines(RAW.swapcase()) == lines(b"") == []


def test_a_secret_that_begins_within_a_lookalike_is_found() -> None:
    # given 41 characters after which the secret's own beginning completes the shape
    content = b"kl_" + b"a" * 41 + RAW

    assert lines(content) == [(SECRET.reveal(), 1)]


def test_secrets_of_other_prefixes_are_found_only_where_they_are_asked_for() -> None:
    acme = new_secret("acme", Random(3).randbytes).reveal()
    content = RAW + b"\n" + acme.encode()

    assert lines(content) == [(SECRET.reveal(), 1)]
    assert lines(content, "acme") == [(acme, 2)]
    assert sorted(lines(content, "kl", "acme")) == sorted([(SECRET.reveal(), 1), (acme, 2)])


@given(st.integers(0, 3), st.integers(-60, 60), st.integers(1, 200), st.binary(max_size=80))
def test_a_secret_is_found_once_wherever_the_buffer_ends(
    buffers: int, shift: int, width: int, tail: bytes
) -> None:
    before = max(buffers * BUFFER_BYTES + shift, 0)
    filler = (b"x" * (width - 1) + b"\n") * (before // width + 1)
    content = filler[:before] + RAW + b"\n" + tail

    assert lines(content) == [(SECRET.reveal(), content[:before].count(b"\n") + 1)]


def test_a_large_content_takes_no_memory_of_its_size() -> None:
    part, left = b"lorem ipsum\n" * 10_000, 400

    def fill(view: memoryview) -> int:
        nonlocal left
        left -= 1
        got = min(len(view), len(part))
        view[:got] = part[:got]
        return got if left else 0

    reader = Reader(["kl"])
    tracemalloc.start()
    content = reader.read(fill)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert content.size > 20_000_000
    assert peak < BUFFER_BYTES


def test_a_reader_remembers_nothing_of_what_it_read_before() -> None:
    reader = Reader(["kl"])
    half = len(RAW) // 2

    reader.read(io.BytesIO(RAW[:half]).readinto)
    found = reader.read(io.BytesIO(RAW[half:]).readinto)

    assert (found.hits, found.size) == ([], len(RAW) - half)


@pytest.mark.parametrize(
    ("content", "packed"), [(b"PK\x03\x04...", True), (b"\x1f\x8b\x08", True), (b"PK", False), (b"", False)]
)
def test_packed_content_is_told(content: bytes, packed: bool) -> None:
    assert Reader(["kl"]).read(io.BytesIO(content).readinto).is_archive is packed
