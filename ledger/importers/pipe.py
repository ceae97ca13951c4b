"""Lines from a pipe as they come: those of a slow producer do not wait until a batch is full."""

import os
import select
from collections.abc import Iterator
from time import monotonic
from typing import BinaryIO

from ledger.importers.lines import Lines
from ledger.importers.unpacking import Plain
from ledger.intake import Flush

PATIENCE_S = 0.2

_CHUNK = 64 * 1024


def lines_as_they_come(stream: BinaryIO, limit: int, idle_s: float | None = None) -> Iterator[bytes | Flush]:
    """The lines of a stream without their ends, and a Flush where the first since the last waits too long.

    With `idle_s` there is also one each time that nothing has come for so many seconds. Whenever there is a
    Flush, all that was said until then has been read.

    Of a line over the limit only the start is kept, one byte more than the limit. Nothing may have been
    read of the stream through its buffer. A stream that begins as gzip is unpacked; EOFError or zlib.error
    says that it is cut short or damaged.
    """
    lines, plain, due = Lines(limit), Plain(), None
    while True:
        if not _has_more(stream, due, idle_s):
            due = None
            yield Flush.NOW
            continue
        chunk = os.read(stream.fileno(), _CHUNK)
        for part in plain.parts(chunk):
            whole = lines.of(part)
            if whole and due is None:
                due = monotonic() + PATIENCE_S
            yield from whole
        if not chunk:
            break
    if not plain.is_whole:
        raise EOFError
    yield from lines.rest()


def is_of_the_system(stream: BinaryIO) -> bool:
    """Whether the system can say if there is more to read: not of a stream within this process."""
    try:
        stream.fileno()
    except OSError:
        return False
    return True


def _has_more(stream: BinaryIO, due: float | None, idle_s: float | None) -> bool:
    """Whether there is something to read, its end included; waits for it until then, or as when idle."""
    patience = idle_s if due is None else max(0.0, due - monotonic())
    ready, _, _ = select.select([stream], [], [], patience)
    return bool(ready)
