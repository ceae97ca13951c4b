"""Bodies that may be packed by gzip, unpacked as they come: bounded, be they a bomb or cut short."""

import zlib
from collections.abc import AsyncIterator

from http_api.problems import Problem, ProblemKind
from ledger.importers.unpacking import Unpacker

MAX_MEMBERS = 1000


async def unpacked(chunks: AsyncIterator[bytes], limit: int, limit_unpacked: int) -> AsyncIterator[bytes]:
    """The parts of a gzip body, unpacked; a Problem where it is none, cut short or too large."""
    unpacker, size = Unpacker(), 0
    async for chunk in bounded(chunks, limit):
        try:
            for part in unpacker.parts(chunk):
                # Each takes time, be it ever so small.
                if unpacker.members > MAX_MEMBERS:
                    raise Problem(
                        ProblemKind.TOO_LARGE,
                        f"a gzip body has {MAX_MEMBERS} members at most here; pack it as one",
                    )
                size += len(part)
                if size > limit_unpacked:
                    raise too_large(limit_unpacked, "when it is unpacked ")
                if part:
                    yield part
        except zlib.error:
            raise Problem(ProblemKind.BAD_BODY, "the body is no gzip, or damaged") from None
    if not unpacker.is_whole:
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
