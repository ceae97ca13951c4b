"""Uses as a gateway reports them: an endless stream in which the same numbers are the same uses."""

from collections.abc import Sequence

import msgspec

from ledger.moments import parse_moment
from ledger.usage import Use

START = parse_moment("2026-01-01T00:00:00Z")
DAY_US = 86_400_000_000
PERIOD_US = 30 * DAY_US
# What comes later than all that is told of a period.
NOW = START + 90 * DAY_US

SPACING_US = 1_000
BATCH_SIZE = 1_000

_SERVICES = ("payments-api", "orders-api", "search-api", "metrics-api", "identity-api")
_REPEATED = BATCH_SIZE // 2
# Knuth's multiplier: neighbours in the stream are of keys far apart.
_SPREAD = 2_654_435_761


class Traffic(msgspec.Struct, frozen=True):
    """Which keys are used, how far apart in microseconds, and what the reporter says of each use."""

    key_ids: Sequence[bytes]
    start: int = START
    spacing_us: int = SPACING_US
    has_given_ids: bool = True
    has_repeats: bool = False

    def uses(self, first: int, count: int) -> list[Use]:
        """The uses from one number on."""
        return [self._use(self._number(n)) for n in range(first, first + count)]

    def repeating(self) -> "Traffic":
        """The same traffic, in which each batch tells one use of the batch before again."""
        return msgspec.structs.replace(self, has_repeats=True)

    def _number(self, n: int) -> int:
        repeats = self.has_repeats and n % BATCH_SIZE == _REPEATED and n > BATCH_SIZE
        return n - BATCH_SIZE + 1 if repeats else n

    def _use(self, n: int) -> Use:
        chosen = n * _SPREAD >> 8
        key = chosen % len(self.key_ids)
        return Use(
            key=self.key_ids[key],
            service=_SERVICES[key % len(_SERVICES)],
            occurred_at=self.start + n * self.spacing_us,
            given_id=f"request-{n:012d}" if self.has_given_ids else None,
            caller=f"{_SERVICES[(key + 1) % len(_SERVICES)]}-{n % 2}",
            reporter="gateway",
            source_ip=f"192.0.2.{key % 100 + n % 2}",
        )
