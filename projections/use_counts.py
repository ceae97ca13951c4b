"""What uses add to the tables of counted uses: accumulated in bounded memory, handed out in pieces."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

import msgspec

from ledger.use_scan import Row, ScannedUse, decode_uses
from ledger.use_shape import PlainUses, decode_tail, plain_uses
from projections.tallies import Piece, Span, Tallies

DAY_US = 86_400_000_000

USAGE, DAYS, ADDRESSES = "key_usage", "key_days", "key_addresses"
USE_TABLES = (USAGE, DAYS, ADDRESSES)

# How many groups may be held, at about 170 bytes each.
TOTALS_HELD = 600_000
# And how many tails, at about 350 bytes.
TAILS_HELD = 200_000
DAY_ROWS_HELD = 120_000

_encode = msgspec.msgpack.Encoder().encode

N = TypeVar("N")
Spans: TypeAlias = Sequence[Sequence[int]]

_SHIFT = 32
# Where the state of a use has its first moment, after the byte that says how many fields there are.
_MOMENT = slice(1, 10)
_LOW = (1 << _SHIFT) - 1


class _Numbering(dict[N, int]):
    """Numbers things as they are met: a number takes less room in a group than the thing itself."""

    def __missing__(self, thing: N) -> int:
        number = self[thing] = len(self)
        return number


class UseCounts:
    """Uses counted by service and caller, by day and by address, or in some of these tables only.

    With `past`, only what had happened by that moment: of uses that were told together and went on after it,
    the first is all that is known.
    """

    def __init__(self, tables: Collection[str] = USE_TABLES, past: int | None = None) -> None:
        self.latest_at = self.taken = 0
        self._past = past
        # Moments in stored uses compare as the bytes that they are.
        self._limit = None if past is None else _encode(past)
        self._tables = tables
        self._has_totals = USAGE in tables or ADDRESSES in tables
        self._days: dict[int, Tallies[bytes]] = defaultdict(Tallies)
        # By all that plain uses say but for their moments: what these are of is found out once, in the end.
        self._by_tail: Tallies[bytes] = Tallies()
        self._forget_totals()

    def take(self, rows: Sequence[Row]) -> None:
        """Count stored uses, which come in the order of the ledger."""
        self.taken += len(rows)
        if self._limit is not None:
            rows = [row for row in rows if row[1][_MOMENT] <= self._limit]
            if not rows:
                return
        positions, states = zip(*rows, strict=True)
        plain = plain_uses(states, self._by_tail.groups)
        if plain is None:
            self._take_others(rows)
        else:
            self._take_plain(positions, plain)

    def _take_plain(self, positions: Sequence[int], plain: PlainUses) -> None:
        moments, errors = plain.moments, plain.errors
        latest_at = max(moments)
        self.latest_at = max(self.latest_at, latest_at)
        if self._has_totals:
            self._by_tail.take_singles(plain.tails, positions, moments, errors)
        if DAYS not in self._tables:
            return
        day = latest_at // DAY_US
        if min(moments) // DAY_US == day:
            # As most batches are.
            self._days[day].take_singles(plain.keys, positions, moments, errors)
            return
        by_day: dict[int, list[int]] = defaultdict(list)
        for place, at in enumerate(moments):
            by_day[at // DAY_US].append(place)
        columns: tuple[Sequence[Any], ...] = (plain.keys, positions, moments, errors)
        for day, places in by_day.items():
            self._days[day].take_singles(*([column[place] for place in places] for column in columns))

    def _take_others(self, rows: Sequence[Row]) -> None:
        uses = decode_uses(rows)
        spans: Spans = [
            (position, use.occurred_at, use.last_at or use.occurred_at, use.count, use.error_count)
            for (position, _), use in zip(rows, uses, strict=True)
        ]
        if self._past is not None:
            spans = [span if span[2] <= self._past else (*span[:2], span[1], 1, 0) for span in spans]
        self.latest_at = max(self.latest_at, *(span[2] for span in spans))
        keys = [self._keys[use.key_id] << _SHIFT for use in uses]
        if USAGE in self._tables:
            self._take_usage(keys, uses, spans)
        if ADDRESSES in self._tables:
            self._take_addresses(keys, uses, spans)
        if DAYS in self._tables:
            self._take_days(uses, spans)

    def overflow(self) -> Iterator[Piece]:
        """What is too much to be held, and no longer is once it was handed out."""
        if sum(map(len, self._days.values())) > DAY_ROWS_HELD:
            yield from self._hand_out_days(self._finished_days())
        if len(self._by_tail) > TAILS_HELD:
            self._settle()
        if len(self._usage) + len(self._by_address) > TOTALS_HELD:
            yield from self._hand_out_totals()

    def rest(self) -> Iterator[Piece]:
        """All that is held, which then no longer is."""
        yield from self._hand_out_days(sorted(self._days))
        self._settle()
        yield from self._hand_out_totals()

    def _settle(self) -> None:
        """Add to the totals what was counted by tails."""
        by_tail, self._by_tail = self._by_tail, Tallies()
        for tail, tally in by_tail.tallies():
            use = decode_tail(tail)
            key = self._keys[use.key_id] << _SHIFT
            if USAGE in self._tables:
                self._usage.take_tally(key | self._callers[use.service, use.caller or ""], tally)
            if ADDRESSES in self._tables and use.origin is not None and use.origin.source_ip is not None:
                self._by_address.take_tally(key | self._addresses[use.origin.source_ip], tally)

    def _take_usage(self, keys: Sequence[int], uses: Sequence[ScannedUse], spans: Spans) -> None:
        callers = self._callers
        groups = [key | callers[use.service, use.caller or ""] for key, use in zip(keys, uses, strict=True)]
        self._usage.take(groups, spans)

    def _take_addresses(self, keys: Sequence[int], uses: Sequence[ScannedUse], spans: Spans) -> None:
        known = [
            (key | self._addresses[use.origin.source_ip], span)
            for key, use, span in zip(keys, uses, spans, strict=True)
            if use.origin is not None and use.origin.source_ip is not None
        ]
        self._by_address.take([group for group, _ in known], [span for _, span in known])

    def _take_days(self, uses: Sequence[ScannedUse], spans: Spans) -> None:
        first_day = min(span[1] for span in spans) // DAY_US
        if max(span[2] for span in spans) // DAY_US == first_day:
            # As most batches are.
            self._days[first_day].take([use.key_id for use in uses], spans)
            return
        days: dict[int, tuple[list[bytes], list[Sequence[int]]]] = defaultdict(lambda: ([], []))
        for use, span in zip(uses, spans, strict=True):
            for day, part in _by_day(span):
                keys, those = days[day]
                keys.append(use.key_id)
                those.append(part)
        for day, (keys, those) in days.items():
            self._days[day].take(keys, those)

    def _finished_days(self) -> Sequence[int]:
        """All but the latest, which mostly is not over yet: its rows would have to be added to again."""
        days = sorted(self._days)
        return days if len(self._days[days[-1]]) > DAY_ROWS_HELD else days[:-1]

    # Sorted, because rows then go into a table's tree from left to right.
    def _hand_out_days(self, days: Iterable[int]) -> Iterator[Piece]:
        for day in days:
            tallies = self._days.pop(day)
            yield from tallies.pieces(DAYS, sorted(tallies.groups), partial(_day_columns, day))

    def _hand_out_totals(self) -> Iterator[Piece]:
        keys, callers, addresses = list(self._keys), list(self._callers), list(self._addresses)

        def used(group: int) -> tuple[bytes, str, str]:
            return keys[group >> _SHIFT], *callers[group & _LOW]

        def addressed(group: int) -> tuple[bytes, str]:
            return keys[group >> _SHIFT], addresses[group & _LOW]

        usage, by_address = self._usage, self._by_address
        self._forget_totals()
        ranks = _ranks(keys)
        yield from usage.pieces(USAGE, _sorted(usage.groups, ranks, _ranks(callers)), partial(_columns, used))
        yield from by_address.pieces(
            ADDRESSES, _sorted(by_address.groups, ranks, _ranks(addresses)), partial(_columns, addressed)
        )

    def _forget_totals(self) -> None:
        self._keys: _Numbering[bytes] = _Numbering()
        self._callers: _Numbering[tuple[str, str]] = _Numbering()
        self._addresses: _Numbering[str] = _Numbering()
        self._usage: Tallies[int] = Tallies()
        self._by_address: Tallies[int] = Tallies()


def _ranks(names: Sequence[Any]) -> list[int]:
    """Of each name its place among them in order."""
    ranks = [0] * len(names)
    for rank, number in enumerate(sorted(range(len(names)), key=names.__getitem__)):
        ranks[number] = rank
    return ranks


def _sorted(groups: Iterable[int], keys: Sequence[int], others: Sequence[int]) -> list[int]:
    """By the ranks of the two things that make a group: numbers are compared far sooner than names."""
    return sorted(groups, key=lambda group: keys[group >> _SHIFT] << _SHIFT | others[group & _LOW])


def _columns(name: Callable[[int], tuple[bytes | str, ...]], groups: Sequence[int]) -> list[list[Any]]:
    return [list(column) for column in zip(*map(name, groups), strict=True)]


def _day_columns(day: int, keys: Sequence[bytes]) -> list[list[Any]]:
    return [[day] * len(keys), list(keys)]


def _by_day(span: Sequence[int]) -> tuple[tuple[int, Sequence[int]], ...]:
    """What of a span belongs to which day.

    How a count spreads over several days is unknown: the first has it, and both ends are kept.
    """
    position, first_at, last_at, use_count, error_count = span
    first_day, last_day = first_at // DAY_US, last_at // DAY_US
    if first_day == last_day:
        return ((first_day, span),)
    return (
        (first_day, Span(position, first_at, first_at, use_count, error_count)),
        (last_day, Span(position, last_at, last_at, 0, 0)),
    )
