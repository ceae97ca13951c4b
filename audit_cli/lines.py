"""Lines of a long export: to a file or standard output, whole and at once."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from typing import IO, Any

import typer

from audit_cli.console import Target

_GONE = select.POLLERR | select.POLLHUP


class Lines:
    """Writes without a buffer: nothing is left here that could hold up the way out when a reader stalls."""

    def __init__(self, stream: RawIOBase | IO[bytes]) -> None:
        self._stream = stream

    def write(self, lines: bytes) -> None:
        """Hand over whole lines; BrokenPipeError where nobody reads them."""
        rest = memoryview(lines)
        while rest:
            rest = rest[self._stream.write(rest) or 0 :]

    def check_read(self) -> None:
        """Raise BrokenPipeError where the reader has gone: who has nothing to write would not notice."""
        poll = select.poll()
        poll.register(self._stream.fileno(), 0)
        if any(state & _GONE for _, state in poll.poll(0)):
            raise BrokenPipeError


@contextmanager
def lines_to(target: Target) -> Iterator[Lines]:
    """The lines of a target; its file is written anew."""
    if target.path is not None:
        with target.path.open("wb", buffering=0) as file:
            yield Lines(file)
    else:
        stream: Any = typer.get_binary_stream("stdout")
        yield Lines(getattr(stream, "raw", stream))
