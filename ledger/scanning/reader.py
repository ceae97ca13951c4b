"""Content of any size, read through one buffer of a fixed size."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec

from ledger.scanning.pattern import SecretPattern
from ledger.secret import Secret, secret_length

BUFFER_BYTES = 256 * 1024

# Puts bytes into what it is given and says how many; 0 is the end.
Fill: TypeAlias = Callable[[memoryview], int]

_ARCHIVES = (
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"7z\xbc\xaf\x27\x1c",
    b"\x28\xb5\x2f\xfd",
    b"Rar!",
)
_LONGEST_MAGIC = 6


class Hit(msgspec.Struct, frozen=True):
    """A secret and the line that it begins on, counted from 1."""

    secret: Secret
    line: int


class Content(msgspec.Struct, frozen=True):
    """What there is to say of some content: its secrets, its size, and whether it is packed."""

    hits: list[Hit]
    size: int
    is_archive: bool


class Reader:
    """Searches one content after the other."""

    def __init__(self, prefixes: Iterable[str]) -> None:
        known = tuple(prefixes)
        self._pattern = SecretPattern(known)
        # So much of a part is looked at again with the next: a secret may stand on both sides of the edge.
        self._overlap = max(map(secret_length, known)) - 1
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)

    def read(self, fill: Fill) -> Content:
        """Search all that `fill` brings; raises what that raises."""
        buffer, hits = self._buffer, list[Hit]()
        kept, size, line, is_archive = 0, 0, 1, False
        while True:
            end = self._filled(kept, fill)
            if not size:
                is_archive = buffer.startswith(_ARCHIVES, 0, min(end, _LONGEST_MAGIC))
            size += end - kept
            for start, stop, secret in self._pattern.search(buffer, end):
                if stop > kept:
                    hits.append(Hit(secret, line + buffer.count(b"\n", 0, start)))
            if end < BUFFER_BYTES:
                return Content(hits, size, is_archive)
            kept = self._overlap
            line += buffer.count(b"\n", 0, end - kept)
            buffer[:kept] = buffer[end - kept : end]

    def _filled(self, end: int, fill: Fill) -> int:
        while end < BUFFER_BYTES and (got := fill(self._view[end:])):
            end += got
        return end
