"""Counted groups of uses, held as plain numbers: an object a group would take ten times the memory."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

PIECE_ROWS = 20_000

G = TypeVar("G")


class Tally(msgspec.Struct):
    """A group of uses: how many, and its ends in time with the positions of the events that show them.

    Of several events at one end the first in the ledger shows it.
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

    @property
    def columns(self) -> list[Sequence[object]]:
        """The columns of the table, each as long as there are rows."""
        numbers = array("q", self.numbers)
        return [*self.groups, *(numbers[place::NUMBERS] for place in range(NUMBERS))]


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

    def pieces(
        self, table: str, groups: Iterable[G], names: Callable[[Sequence[G]], list[list[Any]]]
    ) -> Iterator[Piece]:
        """The rows of some groups in that order; `names` gives the columns that name them."""
        remaining = iter(groups)
        while part := list(islice(remaining, PIECE_ROWS)):
            numbers = array("q")
            for group in part:
                place = self._places[group]
                numbers.extend(self._numbers[place : place + NUMBERS])
            yield Piece(table, names(part), numbers.tobytes())

    @property
    def groups(self) -> Iterable[G]:
        """The groups, in the order in which they came."""
        return self._places.keys()
