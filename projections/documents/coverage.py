"""`keyledger.coverage/1`: who told all uses, when, and who has fallen silent."""

from typing import Literal

import msgspec

from ledger.moments import format_duration, format_moment
from projections.coverage_report import CoverageReport, ReporterStatus, gaps_of
from projections.reporter import Reporter


class CoveredPeriod(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """A time without a gap, and the event that declared its end."""

    start: str
    end: str
    position: int


class Gap(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """A time of which nothing was told."""

    start: str
    end: str


class ReporterLine(msgspec.Struct, frozen=True):
    """What one reporter declared of the keys of a source and an account (None: of any)."""

    reporter: str
    source: str | None
    account: str | None
    status: ReporterStatus
    covered_to: str
    retired_at: list[str]
    periods: list[CoveredPeriod]
    gaps: list[Gap]


class SummaryLine(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """What a report covered that speaks of each key by itself: the first and the last moment of any."""

    reporter: str
    keys: int
    start: str
    end: str


class CoverageDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The coverage of an organization at a moment."""

    schema: Literal["keyledger.coverage/1"] = "keyledger.coverage/1"
    organization: str
    position: int
    as_of: str
    coverage_tolerance: str
    reporters: list[ReporterLine]
    summaries: list[SummaryLine]


def coverage_document(report: CoverageReport) -> CoverageDocument:
    """The document of a coverage, with all periods and gaps."""
    return CoverageDocument(
        organization=report.organization,
        position=report.position,
        as_of=format_moment(report.as_of),
        coverage_tolerance=format_duration(report.tolerance),
        reporters=[_line(reporter, report.status(reporter)) for reporter in report.reporters],
        summaries=[
            SummaryLine(
                told.reporter, told.keys, format_moment(told.covers_from), format_moment(told.covers_to)
            )
            for told in report.summarized
        ],
    )


def _line(reporter: Reporter, status: ReporterStatus) -> ReporterLine:
    return ReporterLine(
        reporter=reporter.name,
        source=reporter.source,
        account=reporter.account,
        status=status,
        covered_to=format_moment(reporter.covered_to),
        retired_at=[format_moment(at) for at in reporter.retired_at],
        periods=[
            CoveredPeriod(format_moment(each.covers_from), format_moment(each.covers_to), each.position)
            for each in reporter.stretches
        ],
        gaps=[Gap(format_moment(start), format_moment(end)) for start, end in gaps_of(reporter)],
    )
