"""What uses add to the tables of counted uses: accumulated in bounded memory, handed out in pieces."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

from ledger.use_scan import Row, ScannedUse, decode_uses
from ledger.use_shape import PlainUses, Tail, plain_uses
from projections.numbering import SHIFT, Numbering, Ordered, in_order
from projections.tallies import Piece, Span, Tallies

DAY_US = 86_400_000_000

USAGE, DAYS, ADDRESSES = "key_usage", "key_days", "key_addresses"
USE_TABLES = (USAGE, DAYS, ADDRESSES)

# How many groups may be held, at about 170 bytes each.
TOTALS_HELD = 600_000
# And how many tails, at about 430 bytes with what they are part of.
TAILS_HELD = 200_000
DAY_ROWS_HELD = 120_000

_encode = msgspec.msgpack.Encoder().encode

Spans: TypeAlias = Sequence[Sequence[int]]

# Where the state of a use has its first moment, after the byte that says how many fields there are.
_MOMENT = slice(1, 10)


class Past(msgspec.Struct, frozen=True):
    """Of what had happened by a moment alone; days before one are counted already, as of now."""

    at: int
    first_day: int = 0


class UseCounts:
    """Uses counted by service and caller, by day and by address, or in some of these tables only.

    With `past`, only what had happened by that moment: of uses that were told together and went on after it,
    the first is all that is known. Of days that are counted already only that is taken back which such uses
    have too much there.
    """

    def __init__(self, tables: Collection[str] = USE_TABLES, past: Past | None = None) -> None:
        self.latest_at = self.taken = 0
        self._past = past
        # Moments in stored uses compare as the bytes that they are.
        self._limit = None if past is None else _encode(past.at)
        self._first_day = 0 if past is None else past.first_day
        self._tables = tables
        self._has_totals = USAGE in tables or ADDRESSES in tables
        self._days: dict[int, Tallies[bytes]] = defaultdict(Tallies)
        self._forget_tails()
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
            self._meet(plain.new)
            self._by_tail.take_singles(plain.tails, positions, moments, errors)
        day = latest_at // DAY_US
        if DAYS not in self._tables or day < self._first_day:
            return
        if min(moments) // DAY_US == day:
            # As most batches are.
            self._days[day].take_singles(plain.keys, positions, moments, errors)
            return
        by_day: dict[int, list[int]] = defaultdict(list)
        for place, at in enumerate(moments):
            by_day[at // DAY_US].append(place)
        columns: tuple[Sequence[Any], ...] = (plain.keys, positions, moments, errors)
        for day, places in by_day.items():
            if day >= self._first_day:
                self._days[day].take_singles(*([column[place] for place in places] for column in columns))

    def _take_others(self, rows: Sequence[Row]) -> None:
        uses = decode_uses(rows)
        spans: Spans = [
            (position, use.occurred_at, use.last_at or use.occurred_at, use.count, use.error_count)
            for (position, _), use in zip(rows, uses, strict=True)
        ]
        told = spans
        if self._past is not None:
            at = self._past.at
            spans = [span if span[2] <= at else (*span[:2], span[1], 1, 0) for span in told]
        self.latest_at = max(self.latest_at, *(span[2] for span in spans))
        keys = [self._keys[use.key_id] << SHIFT for use in uses]
        if USAGE in self._tables:
            self._take_usage(keys, uses, spans)
        if ADDRESSES in self._tables:
            self._take_addresses(keys, uses, spans)
        if DAYS in self._tables:
            self._take_days([use.key_id for use in uses], told, spans)

    def overflow(self) -> Iterator[Piece]:
        """What is too much to be held, and no longer is once it was handed out."""
        if sum(map(len, self._days.values())) > DAY_ROWS_HELD:
            yield from self._hand_out_days(self._finished_days())
        if len(self._by_tail) > TAILS_HELD:
            self._settle()
        if len(self._usage) + len(self._by_address) > TOTALS_HELD:
            # Their groups are made of numbers that are forgotten with the totals.
            self._settle()
            yield from self._hand_out_totals()

    def rest(self) -> Iterator[Piece]:
        """All that is held, which then no longer is."""
        yield from self._hand_out_days(sorted(self._days))
        self._settle()
        yield from self._hand_out_totals()

    def _settle(self) -> None:
        """Add to the totals what was counted by tails."""
        by_tail, called, came = self._by_tail, self._called, self._came
        self._forget_tails()
        if USAGE in self._tables:
            self._usage.take_all(called, by_tail)
        if ADDRESSES in self._tables:
            self._by_address.take_all(came, by_tail)

    def _meet(self, tails: Sequence[Tail]) -> None:
        """Note by whom and from where the uses are that say this."""
        callers, addresses = self._callers, self._addresses
        keys = [self._keys[said.key_id] << SHIFT for said in tails]
        self._called += [
            key | callers[said.service, said.caller or ""] for key, said in zip(keys, tails, strict=True)
        ]
        self._came += [
            None
            if said.origin is None or said.origin.source_ip is None
            else key | addresses[said.origin.source_ip]
            for key, said in zip(keys, tails, strict=True)
        ]

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

    def _take_days(self, keys: Sequence[bytes], told: Spans, spans: Spans) -> None:
        first_day = min(span[1] for span in spans) // DAY_US
        if max(span[2] for span in spans) // DAY_US == first_day >= self._first_day:
            # As most batches are.
            self._days[first_day].take(keys, spans)
            return
        days: dict[int, tuple[list[bytes], list[Sequence[int]]]] = defaultdict(lambda: ([], []))
        for key, whole, span in zip(keys, told, spans, strict=True):
            for day, part in self._parts(whole, span):
                of_day, those = days[day]
                of_day.append(key)
                those.append(part)
        for day, (of_day, those) in days.items():
            self._days[day].take(of_day, those)

    def _parts(self, told: Sequence[int], span: Sequence[int]) -> Iterator[tuple[int, Sequence[int]]]:
        """What of a span, which may be told further, adds to which day; what a counted one has too much."""
        for day, part in _by_day(span):
            if day >= self._first_day:
                yield day, part
            elif told is not span:
                position, first_at, _, use_count, error_count = told
                yield day, Span(position, first_at, first_at, 1 - use_count, -error_count)

    def _finished_days(self) -> Sequence[int]:
        """All but the latest, which mostly is not over yet: its rows would have to be added to again."""
        days = sorted(self._days)
        return days if len(self._days[days[-1]]) > DAY_ROWS_HELD else days[:-1]

    # Sorted, because rows then go into a table's tree from left to right.
    def _hand_out_days(self, days: Iterable[int]) -> Iterator[Piece]:
        for day in days:
            tallies = self._days.pop(day)
            keys, places = zip(*sorted(tallies.placed()), strict=True)
            yield from tallies.pieces(DAYS, places, [[day] * len(keys), keys])

    def _hand_out_totals(self) -> Iterator[Piece]:
        keys, callers = Ordered(self._keys), Ordered(self._callers)
        addresses = Ordered(self._addresses)
        usage, by_address = self._usage, self._by_address
        self._forget_totals()
        places, key_column, called = in_order(usage, keys, callers)
        services, names = zip(*called, strict=True) if called else ((), ())
        yield from usage.pieces(USAGE, places, [key_column, services, names])
        places, key_column, came = in_order(by_address, keys, addresses)
        yield from by_address.pieces(ADDRESSES, places, [key_column, came])

    def _forget_tails(self) -> None:
        # By all that plain uses say but for their moments, with the groups that these are parts of.
        self._by_tail: Tallies[bytes] = Tallies()
        self._called: list[int] = []
        self._came: list[int | None] = []

    def _forget_totals(self) -> None:
        self._keys: Numbering[bytes] = Numbering()
        self._callers: Numbering[tuple[str, str]] = Numbering()
        self._addresses: Numbering[str] = Numbering()
        self._usage: Tallies[int] = Tallies()
        self._by_address: Tallies[int] = Tallies()


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
