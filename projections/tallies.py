"""Counted groups of uses, held as plain numbers: an object a group would take ten times the memory."""

from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from struct import Struct
from typing import Any, Generic, NamedTuple, TypeVar, cast

import msgspec

PIECE_ROWS = 20_000

G = TypeVar("G")


class Tally(msgspec.Struct):
    """A group of uses: how many, and its ends in time with the positions of the events that show them.

    Of several events at one end the first in the ledger shows it. The last two say between which positions
    all of them are; not every table has these.
    """

    use_count: int
    error_count: int
    first_at: int
    last_at: int
    first_position: int
    last_position: int
    low_position: int
    high_position: int


NUMBERS = len(Tally.__struct_fields__)
_TALLY = Struct(f"{NUMBERS}q")
_NUMBER_BYTES = _TALLY.size // NUMBERS


class Span(NamedTuple):
    """What one event adds to a tally."""

    position: int
    first_at: int
    last_at: int
    use_count: int
    error_count: int


class Piece(msgspec.Struct, frozen=True, tag="piece"):
    """Rows to add to a table: the columns of their groups, and the numbers of each tally, row after row."""

    table: str
    groups: list[list[Any]]
    numbers: bytes

    def columns(self, count: int) -> list[Sequence[object]]:
        """As many columns as the table has, each as long as there are rows."""
        numbers = array("q", self.numbers)
        return [*self.groups, *(numbers[place::NUMBERS] for place in range(count - len(self.groups)))]


class Tallies(Generic[G]):
    """The tallies of some groups; events come in rising order of their positions."""

    def __init__(self) -> None:
        self._places: dict[G, int] = {}
        self._numbers = array("q")

    def __len__(self) -> int:
        return len(self._places)

    def take(self, groups: Iterable[G], spans: Iterable[Sequence[int]]) -> None:
        """Add what events tell, each as the five numbers of a Span."""
        places, numbers = self._places, self._numbers
        for group, (position, first_at, last_at, use_count, error_count) in zip(groups, spans, strict=True):
            place = places.get(group)
            if place is None:
                places[group] = len(numbers)
                numbers.extend((use_count, error_count, first_at, last_at, *(position,) * 4))
                continue
            # A row's eight numbers lie side by side, in one line of the processor's cache.
            numbers[place] += use_count
            if error_count:
                numbers[place + 1] += error_count
            if first_at < numbers[place + 2]:
                numbers[place + 2], numbers[place + 4] = first_at, position
            if last_at > numbers[place + 3]:
                numbers[place + 3], numbers[place + 5] = last_at, position
            numbers[place + 7] = position

    def take_singles(
        self, groups: Iterable[G], positions: Iterable[int], moments: Iterable[int], errors: Iterable[int]
    ) -> None:
        """Add events of one use each, at one moment, which is an error (1) or none (0)."""
        places, numbers = self._places, self._numbers
        known = map(places.get, groups)
        for group, place, position, at, error in zip(groups, known, positions, moments, errors, strict=True):
            if place is None:
                places[group] = len(numbers)
                numbers.extend((1, error, at, at, position, position, position, position))
                continue
            numbers[place] += 1
            if error:
                numbers[place + 1] += 1
            if at > numbers[place + 3]:
                numbers[place + 3], numbers[place + 5] = at, position
            elif at < numbers[place + 2]:
                numbers[place + 2], numbers[place + 4] = at, position
            numbers[place + 7] = position

    def _take_tally(self, group: G, tally: Sequence[int]) -> None:
        place = self._places.get(group)
        if place is None:
            self._places[group] = len(self._numbers)
            self._numbers.extend(tally)
            return
        uses, errors, first_at, last_at, first, last, low, high = self._numbers[place : place + NUMBERS]
        first_at, first = min((first_at, first), (tally[2], tally[4]))
        last_at, last = max((last_at, -last), (tally[3], -tally[5]))
        self._numbers[place : place + NUMBERS] = array(
            "q",
            (
                uses + tally[0],
                errors + tally[1],
                first_at,
                last_at,
                first,
                -last,
                min(low, tally[6]),
                max(high, tally[7]),
            ),
        )

    def take_all(self, groups: Sequence[G | None], counted: "Tallies[Any]") -> None:
        """Add what was counted by other groups: for each, in their order, the one that it is part of, if any.

        Each of them is most often all of its group, as where a group is counted for the first time.
        """
        numbers = counted.numbers
        if not self._places:
            places = dict(zip(groups, range(0, len(numbers), NUMBERS), strict=True))
            if len(places) == len(groups) and None not in places:
                self._places, self._numbers = cast("dict[G, int]", places), numbers
                return
        for group, tally in zip(groups, _TALLY.iter_unpack(numbers), strict=True):
            if group is not None:
                self._take_tally(group, tally)

    @property
    def numbers(self) -> "array[int]":
        """A copy of all rows, one after the other."""
        return self._numbers[:]

    def placed(self) -> Iterable[tuple[G, int]]:
        """Each group with the place of its row, for `pieces`."""
        return self._places.items()

    def pieces(self, table: str, places: Sequence[int], columns: Sequence[Sequence[Any]]) -> Iterator[Piece]:
        """The rows at some places in that order; `columns` name them, each as long as there are places."""
        numbers = memoryview(self._numbers).cast("B")
        for start in range(0, len(places), PIECE_ROWS):
            part = slice(start, start + PIECE_ROWS)
            begins = [place * _NUMBER_BYTES for place in places[part]]
            rows = b"".join([numbers[begin : begin + _TALLY.size] for begin in begins])
            yield Piece(table, [list(column[part]) for column in columns], rows)

    @property
    def groups(self) -> Collection[G]:
        """The groups, in the order in which they came."""
        return self._places.keys()
