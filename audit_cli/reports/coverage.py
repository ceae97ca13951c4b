"""Coverage as people and machines read it: who vouched for which time, where the gaps are, who is overdue."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

import msgspec

from audit_cli.reports.terminal import wrapped
from audit_cli.wording import ago, counted, moment, span
from ledger.moments import MICROSECOND, format_duration, format_moment
from projections.coverage import SummarizedCoverage
from projections.reporter import Reporter

SCHEMA = "keyledger.coverage/1"
SHOWN = 5

_MARGIN = "    "


class CoverageReport(msgspec.Struct, frozen=True):
    """What was declared to be covered, judged at a moment by what the policy tolerates."""

    organization: str
    position: int
    as_of: int
    tolerance: timedelta
    reporters: Sequence[Reporter]
    summarized: Sequence[SummarizedCoverage]

    def status(self, reporter: Reporter) -> str:
        """`current`, `overdue` or `retired`."""
        if reporter.is_overdue(self.as_of, self.tolerance // MICROSECOND):
            return "overdue"
        retired = reporter.is_retired_within(reporter.covered_to, self.as_of)
        return "retired" if retired else "current"

    @property
    def overdue(self) -> list[Reporter]:
        """Those of whom more was expected by now."""
        return [reporter for reporter in self.reporters if self.status(reporter) == "overdue"]


def coverage_text(report: CoverageReport, width: int) -> str:
    """Each reporter with its stretches without a gap, the last ones where they are many, in lines so wide."""
    lines = [
        *(line for reporter in report.reporters for line in _lines(report, reporter)),
        *(line for told in report.summarized for line in _summary(told)),
    ]
    return "".join(f"{wrapped(line, width, hanging=_MARGIN)}\n" for line in lines)


def coverage_object(report: CoverageReport) -> dict[str, object]:
    """The coverage for machines, with all stretches and gaps."""
    return {
        "schema": SCHEMA,
        "organization": report.organization,
        "position": report.position,
        "as_of": format_moment(report.as_of),
        "coverage_tolerance": format_duration(report.tolerance),
        "reporters": [_object(report, reporter) for reporter in report.reporters],
        "summaries": [
            {
                "reporter": told.reporter,
                "keys": told.keys,
                "from": format_moment(told.covers_from),
                "to": format_moment(told.covers_to),
            }
            for told in report.summarized
        ],
    }


def _lines(report: CoverageReport, reporter: Reporter) -> Iterator[str]:
    status = report.status(reporter)
    whose = " ".join(part for part in (reporter.source, reporter.account) if part) or "all keys"
    heard = f", last heard of {ago(reporter.covered_to, report.as_of)}" if status == "overdue" else ""
    yield f"{reporter.name} ({whose}): {status}{heard}"
    gaps = [f", then a gap of {span(until - since)}" for since, until in _gaps(reporter)]
    told = list(zip(reporter.stretches, [*gaps, ""], strict=True))
    if len(told) > SHOWN:
        yield f"{_MARGIN}... {counted(len(told) - SHOWN, 'earlier period')}"
    for stretch, then in told[-SHOWN:]:
        yield f"{_MARGIN}{moment(stretch.covers_from)} to {moment(stretch.covers_to)}{then}"


def _summary(told: SummarizedCoverage) -> Iterator[str]:
    yield f"{told.reporter}: {counted(told.keys, 'key')}, each by itself"
    yield f"{_MARGIN}{moment(told.covers_from)} to {moment(told.covers_to)}"


def _gaps(reporter: Reporter) -> Iterator[tuple[int, int]]:
    for one, other in pairwise(reporter.stretches):
        yield one.covers_to, other.covers_from


def _object(report: CoverageReport, reporter: Reporter) -> dict[str, object]:
    return {
        "reporter": reporter.name,
        "source": reporter.source,
        "account": reporter.account,
        "status": report.status(reporter),
        "covered_to": format_moment(reporter.covered_to),
        "retired_at": [format_moment(at) for at in reporter.retired_at],
        "periods": [
            {
                "from": format_moment(each.covers_from),
                "to": format_moment(each.covers_to),
                "position": each.position,
            }
            for each in reporter.stretches
        ],
        "gaps": [{"from": format_moment(start), "to": format_moment(end)} for start, end in _gaps(reporter)],
    }
