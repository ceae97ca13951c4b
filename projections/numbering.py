"""Things numbered as they are met, and groups that are made of two numbers."""

from typing import Any, TypeVar

from projections.tallies import NUMBERS, Tallies

# A group is made of the number of its key, so far to the left, and that of another thing.
SHIFT = 32

_LOW = (1 << SHIFT) - 1

N = TypeVar("N")


class Numbering(dict[N, int]):
    """Numbers things as they are met: a number takes less room in a group than the thing itself."""

    def __missing__(self, thing: N) -> int:
        number = self[thing] = len(self)
        return number


class Ordered:
    """Things in their order, and of each number its thing's place there."""

    def __init__(self, numbering: Numbering[Any]) -> None:
        things = list(numbering)
        order = sorted(range(len(things)), key=things.__getitem__)
        self.things = [things[number] for number in order]
        self.ranks = [0] * len(things)
        for rank, number in enumerate(order):
            self.ranks[number] = rank


def in_order(tallies: Tallies[int], keys: Ordered, others: Ordered) -> tuple[list[int], list[Any], list[Any]]:
    """The places of groups in the order of the two things that make each, and these two, as columns.

    Numbers are compared far sooner than things: each is made of two ranks and the place.
    """
    of_key, of_other = keys.ranks, others.ranks
    # As narrow as they can be: in sixty bits they are handled sooner than in a hundred.
    low = (NUMBERS * len(tallies)).bit_length()
    high = low + len(of_other).bit_length()
    order = sorted(
        [
            of_key[group >> SHIFT] << high | of_other[group & _LOW] << low | place
            for group, place in tallies.placed()
        ]
    )
    of_place, of_thing = (1 << low) - 1, (1 << high - low) - 1
    places = [number & of_place for number in order]
    key_column = [keys.things[number >> high] for number in order]
    return places, key_column, [others.things[number >> low & of_thing] for number in order]
