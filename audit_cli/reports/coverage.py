"""Coverage as people read it: who vouched for which time, where the gaps are, who is overdue."""

from collections.abc import Iterator

from audit_cli.reports.terminal import wrapped
from audit_cli.wording import ago, counted, moment, span
from projections.coverage import SummarizedCoverage
from projections.coverage_report import CoverageReport, gaps_of
from projections.reporter import Reporter

SHOWN = 5

_MARGIN = "    "


def coverage_text(report: CoverageReport, width: int) -> str:
    """Each reporter with its stretches without a gap, the last ones where they are many, in lines so wide."""
    lines = [
        *(line for reporter in report.reporters for line in _lines(report, reporter)),
        *(line for told in report.summarized for line in _summary(told)),
    ]
    return "".join(f"{wrapped(line, width, hanging=_MARGIN)}\n" for line in lines)


def _lines(report: CoverageReport, reporter: Reporter) -> Iterator[str]:
    status = report.status(reporter)
    whose = " ".join(part for part in (reporter.source, reporter.account) if part) or "all keys"
    heard = f", last heard of {ago(reporter.covered_to, report.as_of)}" if status == "overdue" else ""
    yield f"{reporter.name} ({whose}): {status}{heard}"
    gaps = [f", then a gap of {span(until - since)}" for since, until in gaps_of(reporter)]
    told = list(zip(reporter.stretches, [*gaps, ""], strict=True))
    if len(told) > SHOWN:
        yield f"{_MARGIN}... {counted(len(told) - SHOWN, 'earlier period')}"
    for stretch, then in told[-SHOWN:]:
        yield f"{_MARGIN}{moment(stretch.covers_from)} to {moment(stretch.covers_to)}{then}"


def _summary(told: SummarizedCoverage) -> Iterator[str]:
    yield f"{told.reporter}: {counted(told.keys, 'key')}, each by itself"
    yield f"{_MARGIN}{moment(told.covers_from)} to {moment(told.covers_to)}"
