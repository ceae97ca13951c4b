"""The compliance report as a table, as JSON, CSV, Markdown and HTML."""

import csv
import io

import msgspec

from audit_cli.reports.columns import CONTROL_WIDTH, GAP, columns
from audit_cli.reports.control_texts import CAUTION, headline_of, said, tally
from audit_cli.reports.csv import cell
from audit_cli.reports.formats import Format
from audit_cli.reports.html.controls import render_controls
from audit_cli.reports.markdown import escaped, markdown_table
from audit_cli.reports.table import margined
from audit_cli.reports.terminal import MIN_WIDTH, wrapped
from ledger.errors import InvalidInput
from projections.audit.compliance import ComplianceReport, ControlReport

_STATUS_WIDTH = len("not-assessable")
_SCOPE = (
    *("pack", "keys", "organization", "as_of", "position", "checkpoint"),
    *("policy_sha256", "rules_version", "tool_version"),
)


def render_compliance(report: ComplianceReport, form: Format, *, width: int = 80) -> str:
    """The report in one of its formats; InvalidInput for one that tells of findings alone."""
    match form:
        case Format.TABLE:
            return _table(report, max(width, MIN_WIDTH))
        case Format.JSON:
            return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
        case Format.CSV:
            return _csv(report)
        case Format.MARKDOWN:
            return _markdown(report)
        case Format.HTML:
            return render_controls(report)
        case _:
            raise InvalidInput(f"controls are not told as {form}; choose another format")


def _table(report: ComplianceReport, width: int) -> str:
    longest_id = max(CONTROL_WIDTH, *(len(control.id) for control in report.controls))
    room = width - _STATUS_WIDTH - longest_id - 2 * GAP
    rows = [
        (
            control.status,
            control.id,
            "\n".join(
                (
                    wrapped(control.title, room),
                    *(wrapped(line, room, hanging="  ") for line in said(control)),
                )
            ),
        )
        for control in report.controls
    ]
    parts = [margined(headline_of(report), width), columns(("Status", "Control", "Title and reasons"), rows)]
    return "\n\n".join([*parts, wrapped(tally(report), width), wrapped(CAUTION, width)]) + "\n"


def _markdown(report: ComplianceReport) -> str:
    rows = [
        tuple(map(escaped, (control.status, control.id, control.title, "; ".join(said(control)))))
        for control in report.controls
    ]
    parts = [
        f"# {escaped(report.title)}",
        "\n".join(f"- {label}: {escaped(text)}" for label, text in headline_of(report)),
        escaped(tally(report)),
        markdown_table(("Status", "Control", "Title", "Why"), rows),
        CAUTION,
    ]
    return "\n\n".join(parts) + "\n"


def _csv(report: ComplianceReport) -> str:
    """A header, then a row for each control with what the audit ran on; lines end in CR LF."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("framework", "id", "title", "status", "why", "failed_key_ids", *_SCOPE))
    scope = [getattr(report, name) for name in _SCOPE]
    writer.writerows(map(cell, (*_cells(control), *scope)) for control in report.controls)
    return text.getvalue()


def _cells(control: ControlReport) -> tuple[str, ...]:
    failed = " ".join(dict.fromkeys(each.key_id for each in control.keys))
    return control.framework, control.id, control.title, control.status, "; ".join(said(control)), failed
