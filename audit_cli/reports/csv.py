"""The report as CSV (RFC 4180) that a spreadsheet shows and never executes."""

import csv
import io

import msgspec

from audit_cli.reports.assessed import as_finding
from audit_cli.reports.terminal import printable
from projections.audit.findings import Finding, FindingWaiver
from projections.audit.report import AuditReport

_FINDING = tuple(Finding.__struct_fields__)
_SCOPE = ("organization", "as_of", "position", "checkpoint", "policy_sha256", "rules_version", "tool_version")
# What a spreadsheet takes for the beginning of a formula, or strips to find one; some read wide signs too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def render_csv(report: AuditReport) -> str:
    """A header, then a row for each finding (and assessment) with what the audit ran on; lines end in CR LF.

    Evidence is positions separated by blanks. Write it without translating newlines.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow((*_FINDING, *_SCOPE))
    scope = [cell(getattr(report, name)) for name in _SCOPE]
    writer.writerows([*_cells(msgspec.structs.asdict(finding)), *scope] for finding in report.findings)
    writer.writerows([*_cells(as_finding(assessment)), *scope] for assessment in report.unfound)
    return text.getvalue()


def cell(value: object) -> str:
    """The text of a cell on one line, led by an apostrophe where a spreadsheet would see a formula."""
    text = "" if value is None else str(value)
    shown = printable(text)
    return f"'{shown}" if text.startswith(_FORMULA) else shown


def _cells(row: dict[str, object]) -> list[str]:
    return [cell(_flat(value)) for value in row.values()]


def _flat(value: object) -> object:
    match value:
        case tuple():
            return " ".join(map(str, value))
        case FindingWaiver():
            return f"until {value.until}, {value.owner or 'nobody'}: {value.reason}"
        case _:
            return value
