"""Uses by key and day."""

from collections.abc import Mapping

import msgspec


class DailyUse(msgspec.Struct, frozen=True):
    """How often some keys were used from `first_day` to `last_day`; days without a use are left out.

    Days are counted from 1970-01-01 in UTC.
    """

    first_day: int
    last_day: int
    counts: Mapping[bytes, Mapping[int, int]]
