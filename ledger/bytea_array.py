"""An array of byte strings in PostgreSQL's binary form, which is packed faster than the driver packs a list.

The form is what `array_recv` reads, in src/backend/utils/adt/arrayfuncs.c of PostgreSQL 15.
"""

from collections.abc import Sequence
from itertools import chain
from struct import Struct

from psycopg.adapt import Dumper
from psycopg.pq import Format

_BYTEA, _BYTEA_ARRAY = 17, 1001
# One dimension without nulls: of what type, how many, numbered from 1.
_header = Struct("!iiIii").pack
_length = Struct("!i").pack


class ByteaArray:
    """What a parameter of the type `bytea[]` is given as."""

    def __init__(self, values: Sequence[bytes]) -> None:
        lengths = map(_length, map(len, values))
        parts = chain.from_iterable(zip(lengths, values, strict=True))
        self.packed = _header(1, 0, _BYTEA, len(values), 1) + b"".join(parts)


class ByteaArrayDumper(Dumper):
    """Hands it to the server as it is."""

    format = Format.BINARY
    oid = _BYTEA_ARRAY

    def dump(self, obj: ByteaArray) -> bytes:
        return obj.packed
