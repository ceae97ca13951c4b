"""How often one key may ask: a bucket each, that refills by the second."""

import threading
from collections.abc import Callable
from math import ceil
from time import monotonic

import msgspec

MINUTE_S = 60
# So many keys are kept in mind; those that have not asked for a minute are forgotten first.
KEPT = 10_000


class Standing(msgspec.Struct, frozen=True):
    """How a key's bucket stands after a request: what is left, and in how many seconds it is full again."""

    allowed: bool
    limit: int
    left: int
    full_in_s: int
    retry_after_s: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """As the IETF's draft of RateLimit header fields has them."""
        return {
            "RateLimit-Policy": f'"key";q={self.limit};w={MINUTE_S}',
            "RateLimit": f'"key";r={self.left};t={self.full_in_s}',
        }


class Rates:
    """The buckets of one process. A bucket holds a minute's worth of requests."""

    def __init__(self, a_minute: int, clock_s: Callable[[], float] = monotonic) -> None:
        self._a_minute = a_minute
        self._a_second = a_minute / MINUTE_S
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._buckets: dict[bytes, tuple[float, float]] = {}

    def take(self, key_id: bytes, cost: int) -> Standing:
        """Take the cost of a request out of a key's bucket, if so much is in it; a small bucket whole."""
        cost = min(cost, self._a_minute)
        with self._lock:
            now = self._clock_s()
            held, since = self._buckets.pop(key_id, (float(self._a_minute), now))
            held = min(self._a_minute, held + (now - since) * self._a_second)
            allowed = held >= cost
            if allowed:
                held -= cost
            self._buckets[key_id] = (held, now)
            if len(self._buckets) > KEPT:
                # The first is the one that has asked the longest ago.
                del self._buckets[next(iter(self._buckets))]
        return Standing(
            allowed,
            self._a_minute,
            int(held),
            ceil((self._a_minute - held) / self._a_second),
            0 if allowed else max(1, ceil((cost - held) / self._a_second)),
        )
