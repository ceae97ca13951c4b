"""A gzip stream unpacked as it comes, in parts of bounded size."""

import zlib
from collections.abc import Iterator

GZIP_MAGIC = b"\x1f\x8b"

_GZIP = 31
_PART = 256 * 1024


class Unpacker:
    """What of a gzip stream has come so far; several members may follow each other."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self.members = 1

    def parts(self, chunk: bytes) -> Iterator[bytes]:
        """What the next bytes hold, nothing where a member begins or ends; zlib.error if damaged."""
        while chunk:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
                self.members += 1
            yield self._member.decompress(chunk, _PART)
            chunk = self._member.unconsumed_tail or self._member.unused_data

    @property
    def is_whole(self) -> bool:
        """Whether the stream may end here."""
        return self._member.eof
