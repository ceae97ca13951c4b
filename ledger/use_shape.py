"""The states of plain uses, taken apart by bytes: most uses say the same as another but for their moment.

A use is plain where it is one, happened at one moment, and is an error or none. All that its state says after
the two moments at its beginning, its tail, need then be decoded only once for all uses that share it.
"""

from collections.abc import Collection, Sequence
from itertools import filterfalse
from struct import Struct

import msgspec

from ledger.use_scan import Origin

# A list of thirteen, of which the first two are whole numbers of eight bytes.
_HEAD = Struct(">HQBQ")
_LIST_AND_NUMBER, _NUMBER = 0x9DCF, 0xCF
_MOMENT = Struct(">2xQ9x")
# Where a head has which byte, whatever the moments are.
_FIXED = ((0, b"\x9d"), (1, b"\xcf"), (10, b"\xcf"))
_LIST_OF_THE_REST = b"\x9b"
# Where a tail has the key's id and, counted from its end, whether the use was an error.
_KEY = slice(39, 55)
_ERRORS = -2

# Smaller numbers, as of the first minutes of 1970, take fewer bytes.
EARLIEST_PLAIN = 1 << 32


class Tail(msgspec.Struct, array_like=True, gc=False):
    """What a plain use says but for its moments, field for field."""

    organization_id: msgspec.Raw
    actor_id: msgspec.Raw
    authentication: int
    key_id: bytes
    service: str
    caller: str | None
    reporter: msgspec.Raw
    origin: Origin | None
    count: int
    error_count: int
    last_at: int | None


class PlainUses(msgspec.Struct, frozen=True):
    """Moments and tails of plain uses, in their order; and what those tails say that were not known yet."""

    moments: Sequence[int]
    tails: Sequence[bytes]
    new: Sequence[Tail]

    @property
    def keys(self) -> list[bytes]:
        """The id of each one's key."""
        return [tail[_KEY] for tail in self.tails]

    @property
    def errors(self) -> list[int]:
        """Whether each was an error: 1 or 0."""
        return [tail[_ERRORS] for tail in self.tails]


_decode = msgspec.msgpack.Decoder(Tail).decode


def plain_uses(states: Sequence[bytes], known: Collection[bytes]) -> PlainUses | None:
    """The uses that states hold if all are plain; `known` are tails of which that has been seen."""
    size = _HEAD.size
    heads = b"".join([state[:size] for state in states])
    if len(heads) != size * len(states):
        return None
    # Byte by byte over all heads: to unpack these, too, would take longer than the moments.
    if any(heads[at::size].strip(byte) for at, byte in _FIXED):
        return None
    tails = [state[size:] for state in states]
    new: list[Tail] = []
    for tail in dict.fromkeys(filterfalse(known.__contains__, tails)):
        told = _read(tail)
        if told is None:
            return None
        new.append(told)
    return PlainUses([at for (at,) in _MOMENT.iter_unpack(heads)], tails, new)


def tail_of(state: bytes) -> bytes:
    """All that the state of a plain use says after the two moments."""
    return state[_HEAD.size :]


def plain_state(occurred_at: int, recorded_at: int, tail: bytes) -> bytes:
    """The state of a plain use, neither of whose moments is before EARLIEST_PLAIN."""
    return _HEAD.pack(_LIST_AND_NUMBER, occurred_at, _NUMBER, recorded_at) + tail


def decode_tail(tail: bytes) -> Tail:
    """What the tail of a plain use says."""
    return _decode(_LIST_OF_THE_REST + tail)


def _read(tail: bytes) -> Tail | None:
    """What a tail says; None where it is not that of a plain use."""
    try:
        told = decode_tail(tail)
    except msgspec.MsgspecError:
        return None
    is_one = told.count == 1 and told.error_count <= 1 and told.last_at is None
    return told if is_one and told.key_id == tail[_KEY] and told.error_count == tail[_ERRORS] else None
