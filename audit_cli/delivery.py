"""A report where it was asked for: printed or in a file, told to a CI run, and as an exit status."""

from typing import TYPE_CHECKING, Literal, TypeAlias

from audit_cli import console
from audit_cli.reports.formats import Format, render

if TYPE_CHECKING:
    from projections.audit.report import AuditReport

Annotations: TypeAlias = Literal["github"]
Threshold: TypeAlias = Literal["info", "low", "medium", "high", "critical", "none"]


def deliver(report: "AuditReport", form: Format, target: console.Target) -> None:
    """Print the report, or write it to the file."""
    is_coloured = console.is_coloured() and target.path is None
    target.write(render(report, form, width=console.width(), color=is_coloured))
    if form is Format.CSV and report.since is not None:
        from audit_cli.reports.headline import changes

        # Its rows are findings alone.
        console.note(" ".join(changes(report)))
    if target.path is not None:
        from audit_cli.reports.headline import summary

        console.note(f"Wrote {target.path}. {summary(report)}")


def annotate(report: "AuditReport", annotations: Annotations | None) -> None:
    """Tell a CI run of the findings, where that is wanted."""
    if annotations is not None:
        console.note(render(report, Format.GITHUB).rstrip("\n"))


def is_reached(report: "AuditReport", threshold: Threshold) -> bool:
    """Whether an open finding is at least so severe."""
    from projections.audit.findings import open_at_least
    from projections.audit.severity import Severity

    return threshold != "none" and bool(open_at_least(report.findings, Severity(threshold)))
