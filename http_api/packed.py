"""Bodies that may be packed by gzip, unpacked as they come: bounded, be they a bomb or cut short."""

import zlib
from collections.abc import AsyncIterator

from http_api.problems import Problem, ProblemKind

MAX_MEMBERS = 1000

_GZIP = 31
_PART = 256 * 1024


async def unpacked(chunks: AsyncIterator[bytes], limit: int, limit_unpacked: int) -> AsyncIterator[bytes]:
    """The parts of a gzip body, unpacked; a Problem where it is none, cut short or too large."""
    unpacker = zlib.decompressobj(_GZIP)
    members, size = 1, 0
    async for chunk in bounded(chunks, limit):
        rest = chunk
        while rest:
            if unpacker.eof:
                # Several may follow each other in one file; each takes time, be it ever so small.
                unpacker = zlib.decompressobj(_GZIP)
                members += 1
                if members > MAX_MEMBERS:
                    raise Problem(
                        ProblemKind.TOO_LARGE,
                        f"a gzip body has {MAX_MEMBERS} members at most here; pack it as one",
                    )
            try:
                part = unpacker.decompress(rest, _PART)
            except zlib.error:
                raise Problem(ProblemKind.BAD_BODY, "the body is no gzip, or damaged") from None
            rest = unpacker.unconsumed_tail or unpacker.unused_data
            size += len(part)
            if size > limit_unpacked:
                raise too_large(limit_unpacked, "when it is unpacked ")
            if part:
                yield part
    if not unpacker.eof:
        raise Problem(ProblemKind.BAD_BODY, "the gzip body is cut short; send the whole of it again")


async def bounded(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """The parts of a body as they come, read no further than the limit."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        yield chunk


def too_large(limit: int, when: str = "") -> Problem:
    """The body is larger than it may be."""
    return Problem(ProblemKind.TOO_LARGE, f"{when}a body has {limit} bytes at most here; send it in parts")
