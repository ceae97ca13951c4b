"""Two ways to do the same, in turn within one run, so that what else the machine does meets both."""

import gc
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import TypeAlias

import msgspec

# Does the round of that number and tells how many things a second it did; it may prepare before it measures.
Round: TypeAlias = Callable[[int], float]


class Measured(msgspec.Struct, frozen=True):
    """Medians of the rounds, and the median of each round's own ratio, which noise disturbs least.

    Without a peer, `ours` alone is held against the wanted figure.
    """

    ours: float
    theirs: float | None = None
    ratio: float | None = None
    rounds: int = 1
    note: str = ""

    def noting(self, note: str) -> "Measured":
        """The same with a word on what else was seen."""
        return msgspec.structs.replace(self, note=note)


def paired(ours: Round, theirs: Round, rounds: int) -> Measured:
    """Run both in every round; who goes first alternates."""
    pairs: list[tuple[float, float]] = []
    for number in range(rounds):
        if number % 2:
            other = theirs(number)
            pairs.append((ours(number), other))
        else:
            pairs.append((ours(number), theirs(number)))
    return Measured(
        ours=median(one for one, _ in pairs),
        theirs=median(other for _, other in pairs),
        ratio=median(one / other for one, other in pairs),
        rounds=rounds,
    )


def rate(count: int, work: Callable[[], object]) -> float:
    """How many a second, where the work does `count`."""
    gc.collect()
    begun = perf_counter()
    work()
    return count / (perf_counter() - begun)
