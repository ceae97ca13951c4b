"""A caller's uses of a key in a simulated past, coalesced as a reporter tells them."""

from datetime import timedelta
from random import Random

from audit_cli.demo_names import Caller
from ledger.moments import MICROSECOND, SECOND_US
from ledger.observation import ExternalKey
from ledger.usage import Use

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)

HOUR_US = HOUR // MICROSECOND
DAY_US = DAY // MICROSECOND

_MONDAY = 4  # 1970 began on a Thursday
_SATURDAY = 5


class Traffic:
    """Makes uses by chance; `coarseness` is the least time between two reports of one caller."""

    def __init__(self, random: Random, end: int, coarseness: timedelta) -> None:
        self._random = random
        self._end = end
        self._coarseness = coarseness

    def uses(
        self, key: bytes | ExternalKey, caller: Caller, begin: int, until: int, every: timedelta = DAY
    ) -> list[Use]:
        """One record for each stretch, within one day, fewer at weekends; none after the end."""
        step = max(every, self._coarseness) // MICROSECOND
        volume = self._random.choice((3, 20, 150, 1200))
        found = []
        length = min(step, DAY_US)
        for stretch in range(begin - begin % length, min(until, self._end), step):
            low, high = max(begin, stretch), min(until, stretch + length, self._end) - 1
            if low < high:
                weekday = (stretch // DAY_US - _MONDAY) % 7
                usual = volume if weekday < _SATURDAY else volume / 4
                found.append(
                    self._use(key, caller, low, high, max(1, round(usual * self._random.uniform(0.5, 1.5))))
                )
        return found

    def _use(self, key: bytes | ExternalKey, caller: Caller, low: int, high: int, count: int) -> Use:
        first = self._within(low, high)
        errors = self._random.random() < 0.05  # noqa: PLR2004 - one report in twenty tells of errors
        return Use(
            key,
            caller.service,
            first,
            caller=caller.name or None,
            reporter=caller.reporter,
            source_ip=caller.source_ip,
            user_agent=caller.user_agent,
            count=count,
            error_count=max(1, count // 50) if errors else 0,
            last_at=self._within(first, high) if count > 1 else None,
        )

    def _within(self, low: int, high: int) -> int:
        """A whole second of the stretch; `low` itself where there is none."""
        second = self._random.randint(low, high) // SECOND_US * SECOND_US
        return max(second, low)
