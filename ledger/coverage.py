"""Declared coverage: a reporter's word that it told every use that it saw of the keys minted here."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import TypeAlias

from ledger.credentials import MINTED_HERE
from ledger.errors import InvalidInput
from ledger.intake import Flush
from ledger.moments import LATEST, MICROSECOND, format_moment
from ledger.observation import Coverage
from ledger.usage import Refusal, Use, check_text

BEAT_EVERY = timedelta(minutes=15)

Said: TypeAlias = Use | Refusal | Flush
OnUndeclared: TypeAlias = Callable[[int, int], object]


def heartbeat(reporter: str, covers_from: int, covers_to: int, where: str | int = "") -> Coverage:
    """What a reporter of our own keys declares; InvalidInput for a name or a period that cannot be."""
    check_reporter(reporter)
    if not 0 <= covers_from <= covers_to:
        raise InvalidInput(
            f"a period from {format_moment(covers_from)} to {format_moment(covers_to)} cannot be;"
            " give a beginning from 1970 on and an end that is no earlier"
        )
    return Coverage(reporter, covers_from, covers_to, source=MINTED_HERE, where=where)


def check_reporter(reporter: str) -> None:
    """Raise InvalidInput for a text that cannot name a reporter."""
    if not reporter.strip() or not reporter.isprintable():
        raise InvalidInput("a heartbeat needs the name of its reporter, in printable characters")
    check_text(reporter)


class Heartbeat:
    """Declares, among the uses of one stream, which time a reporter has covered.

    A declaration comes only once all before it is on disk. Where anything was refused meanwhile the time is
    left out, as nobody could vouch for what was lost; `on_undeclared` hears from when to when.
    """

    def __init__(
        self, reporter: str, clock: Callable[[], int], on_undeclared: OnUndeclared, reached: int = 0
    ) -> None:
        check_reporter(reporter)
        self._reporter = reporter
        self._clock = clock
        self._on_undeclared = on_undeclared
        self._covered_to = clock()
        self._reached: str | int = reached
        self._has_lost = False

    def lose(self) -> None:
        """Something that was read was refused."""
        self._has_lost = True

    def beating(self, items: Iterable[Said], every: timedelta = BEAT_EVERY) -> Iterator[Said | Coverage]:
        """The items of a pipe, whose reader has been listening since this was made, with its heartbeats.

        It beats where it has read all that was said, so one that cannot keep up falls silent.
        """
        for item in items:
            if isinstance(item, Flush):
                now = self._clock()
                yield item
                if now - self._covered_to >= every // MICROSECOND:
                    yield from self._declared(self._covered_to, now)
            else:
                self._reached = item.where
                yield item
        now = self._clock()
        yield Flush.NOW
        yield from self._declared(self._covered_to, now)

    def spanning(self, items: Iterable[Said]) -> Iterator[Said | Coverage]:
        """The items of a file, which covers the time from the first of its uses to the last."""
        first, last = LATEST, 0
        for item in items:
            if isinstance(item, Use):
                first = min(first, item.occurred_at)
                last = max(last, item.occurred_at if item.last_at is None else item.last_at)
            if not isinstance(item, Flush):
                self._reached = item.where
            yield item
        yield Flush.NOW
        yield from self._declared(first, last)

    def _declared(self, start: int, end: int) -> Iterator[Said | Coverage]:
        # There may have been no use, or the clock was set back.
        if start > end:
            return
        self._covered_to = end
        if self._has_lost:
            self._has_lost = False
            self._on_undeclared(start, end)
            return
        yield heartbeat(self._reporter, start, end, self._reached)
        yield Flush.NOW
