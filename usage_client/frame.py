"""Records of the spool: checksum, space, line and its end, so that a record cut short is recognized."""

from collections.abc import Iterator
from zlib import crc32

from usage_client.courtesy import courteously

_HEAD = 9


def frame(line: bytes) -> bytes:
    """The record of a line, which must hold no line feed."""
    return b"%08x %b\n" % (crc32(line), line)


def unframe(data: bytes) -> tuple[list[bytes], int]:
    """The whole lines in what was written, and how many records between them are damaged.

    A last record that is not whole is no damage: its writer was stopped before it could promise anything.
    """
    lines: list[bytes] = []
    damaged = pending = 0
    for line in courteously(_records(data)):
        if line is None:
            pending += 1
        else:
            damaged, pending = damaged + pending, 0
            lines.append(line)
    return lines, damaged + max(0, pending - 1)


def _records(data: bytes) -> Iterator[bytes | None]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        if end < 0:
            yield None
            return
        line = data[start + _HEAD : end]
        yield line if data[start : start + _HEAD] == b"%08x " % crc32(line) else None
        start = end + 1
