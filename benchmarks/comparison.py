"""What is compared with what, at which size, and what came of it."""

from collections.abc import Callable

import msgspec

from benchmarks.pairing import Measured
from benchmarks.site import Site


class Comparison(msgspec.Struct, frozen=True):
    """One line of the table: wanted is the least ratio to the peer or, without one, the most of ours."""

    name: str
    what: str
    against: str
    wanted: float
    unit: str
    measure: Callable[[Site], Measured]
    on_postgresql: bool = False


class Result(msgspec.Struct, frozen=True):
    """A comparison's line with its figures."""

    name: str
    what: str
    against: str
    unit: str
    wanted: float
    ours: float
    theirs: float | None
    ratio: float | None
    rounds: int
    note: str

    @property
    def is_reached(self) -> bool:
        """Whether the ratio is large enough or, without a peer, the figure small enough."""
        return self.ours <= self.wanted if self.ratio is None else self.ratio >= self.wanted


def result_of(comparison: Comparison, measured: Measured) -> Result:
    """What a comparison came to."""
    return Result(
        name=comparison.name,
        what=comparison.what,
        against=comparison.against,
        unit=comparison.unit,
        wanted=comparison.wanted,
        ours=measured.ours,
        theirs=measured.theirs,
        ratio=measured.ratio,
        rounds=measured.rounds,
        note=measured.note,
    )
