"""Identifiers: 16 bytes inside, the usual hyphenated text at the doors.

Ids of one-event streams (uses, observations) are UUIDv8 (RFC 9562): 48 bits of the moment in milliseconds,
the rest SHA-256 of what identifies the event. The hash keeps anyone from squatting another's id; the leading
time keeps the store's unique index appending at its right edge.
"""

from collections.abc import Callable, Iterable
from hashlib import sha256
from struct import Struct
from typing import TypeAlias
from uuid import UUID

import msgspec

from ledger.errors import InvalidInput

ID_BYTES = 16
_HYPHENATED = 36

RandomBytes: TypeAlias = Callable[[int], bytes]

_VERSION, _VARIANT = 8 << 12, 0b10 << 62
_FREE_BITS = (1 << 62) - 1

_HASHED = Struct(">HQ").unpack_from
_HALVES = Struct(">QQ").pack

_encode_parts = msgspec.msgpack.Encoder().encode


def digest(*parts: object) -> bytes:
    """SHA-256 over the parts; msgpack frames them, so no two lists of parts run together."""
    return sha256(_encode_parts(parts)).digest()


def digests(parts: Iterable[tuple[object, ...]]) -> list[bytes]:
    """The digests of many lists of parts."""
    return [sha256(encoded).digest() for encoded in map(_encode_parts, parts)]


def random_id(random_bytes: RandomBytes) -> bytes:
    """A UUIDv4: for keys, members and organizations, whose short prefixes people type."""
    raw = random_bytes(ID_BYTES)
    return raw[:6] + bytes((0x40 | raw[6] & 0x0F, raw[7], 0x80 | raw[8] & 0x3F)) + raw[9:]


def timed_id(moment: int, hashed: bytes) -> bytes:
    """A UUIDv8 that starts with the moment (microseconds since 1970) and goes on with ten bytes of a hash."""
    # In halves of 64 bits, the quickest way: this is done for every use.
    first, rest = _HASHED(hashed)
    return _HALVES(moment // 1000 << 16 | _VERSION | first & 0xFFF, _VARIANT | rest & _FREE_BITS)


def timed_ids(moments: Iterable[int], hashes: Iterable[bytes]) -> list[bytes]:
    """The same for many, in two thirds of the time."""
    return [
        _HALVES(moment // 1000 << 16 | _VERSION | first & 0xFFF, _VARIANT | rest & _FREE_BITS)
        for moment, (first, rest) in zip(moments, map(_HASHED, hashes), strict=True)
    ]


def hashed_id(*parts: object) -> bytes:
    """A UUIDv8 made of a hash alone: the same parts give the same id on every machine."""
    raw = digest(*parts)
    return raw[:6] + bytes((0x80 | raw[6] & 0x0F, raw[7], 0x80 | raw[8] & 0x3F)) + raw[9:ID_BYTES]


def format_id(raw: bytes) -> str:
    """The hyphenated form."""
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def id_in(text: str) -> bytes | None:
    """The id that a text is in the form of 36 characters, or None."""
    if len(text) != _HYPHENATED:
        return None
    try:
        return bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None


def parse_id(text: str) -> bytes:
    """Read the hyphenated form (or 32 hexadecimal digits)."""
    try:
        return UUID(text).bytes
    except ValueError:
        raise InvalidInput(f"{text!r} is not an id") from None
