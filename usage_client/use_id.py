"""Ids of uses, made where a use is recorded, so that one that is sent again is recognized and counts once."""

from collections.abc import Callable
from hashlib import sha256

_VERSION_7, _VERSION_8 = 0x7 << 76, 0x8 << 76
_VARIANT = 0b10 << 62
_MILLISECOND = 1000


def new_id(moment: int, random_bytes: Callable[[int], bytes]) -> str:
    """A UUIDv7 (RFC 9562): the moment in milliseconds and 74 random bits."""
    return _timed(moment, random_bytes(10), _VERSION_7)


def derived_id(moment: int, *parts: str) -> str:
    """A UUIDv8 of the moment and a hash: the same parts give the same id in every process."""
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return _timed(moment, sha256(framed.encode("ascii", "backslashreplace")).digest()[:10], _VERSION_8)


def _timed(moment: int, raw: bytes, version: int) -> str:
    rest = int.from_bytes(raw, "big")
    high, low = rest >> 62 & 0xFFF, rest & (1 << 62) - 1
    number = (moment // _MILLISECOND & (1 << 48) - 1) << 80 | version | high << 64 | _VARIANT | low
    # As str(UUID(int=number)), in a third of the time.
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
