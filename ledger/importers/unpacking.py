"""Gzip streams unpacked as they come, in parts of bounded size."""

import zlib
from collections.abc import Iterable, Iterator

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
                # As gzip does: some programs fill the last block of a file.
                chunk = chunk.lstrip(b"\0")
                if not chunk:
                    return
                self._member = zlib.decompressobj(_GZIP)
                self.members += 1
            yield self._member.decompress(chunk, _PART)
            chunk = self._member.unconsumed_tail or self._member.unused_data

    @property
    def is_whole(self) -> bool:
        """Whether the stream may end here."""
        return self._member.eof


class Plain:
    """The text of a stream, which is unpacked where its first bytes say gzip."""

    def __init__(self) -> None:
        self._begun: bytes | None = b""
        self._unpacker: Unpacker | None = None

    def parts(self, chunk: bytes) -> Iterable[bytes]:
        """What the next bytes say, of which the last are none; zlib.error where they are damaged."""
        if self._begun is not None:
            chunk = self._begun + chunk
            if chunk == GZIP_MAGIC[:1] and not self._begun:
                # Too little yet to say.
                self._begun = chunk
                return ()
            self._begun = None
            if chunk.startswith(GZIP_MAGIC):
                self._unpacker = Unpacker()
        return self._unpacker.parts(chunk) if self._unpacker else (chunk,)

    @property
    def is_whole(self) -> bool:
        """Whether the stream may end here."""
        return self._unpacker is None or self._unpacker.is_whole
