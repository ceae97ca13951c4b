"""Declared coverage judged at a moment: who is current, overdue or retired, and where the gaps are."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Literal, TypeAlias

import msgspec

from ledger.moments import MICROSECOND
from projections.coverage import SummarizedCoverage
from projections.periods import Period
from projections.reporter import Reporter

ReporterStatus: TypeAlias = Literal["current", "overdue", "retired"]


class CoverageReport(msgspec.Struct, frozen=True):
    """What was declared to be covered, judged at a moment by what the policy tolerates."""

    organization: str
    position: int
    as_of: int
    tolerance: timedelta
    reporters: Sequence[Reporter]
    summarized: Sequence[SummarizedCoverage]

    def status(self, reporter: Reporter) -> ReporterStatus:
        """`current`, `overdue` or `retired`."""
        if reporter.is_overdue(self.as_of, self.tolerance // MICROSECOND):
            return "overdue"
        retired = reporter.is_retired_within(reporter.covered_to, self.as_of)
        return "retired" if retired else "current"

    @property
    def overdue(self) -> list[Reporter]:
        """Those of whom more was expected by now."""
        return [reporter for reporter in self.reporters if self.status(reporter) == "overdue"]


def gaps_of(reporter: Reporter) -> Iterator[Period]:
    """The times between what a reporter declared."""
    for one, other in pairwise(reporter.stretches):
        yield one.covers_to, other.covers_from
