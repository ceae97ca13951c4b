"""The compliance report as a table, as JSON and as Markdown."""

import msgspec

from audit_cli.reports.columns import CONTROL_WIDTH, GAP, columns
from audit_cli.reports.formats import Format
from audit_cli.reports.headline import headline
from audit_cli.reports.markdown import escaped, markdown_table
from audit_cli.reports.table import margined
from audit_cli.reports.terminal import MIN_WIDTH, wrapped
from projections.audit.compliance import ComplianceReport, ControlReport, ControlStatus

_STATUS_WIDTH = len("not-assessable")
_CAUTION = (
    "Passed means that no rule found anything that speaks against the control. A control may ask for more"
    " than an inventory of keys can show."
)


def render_compliance(report: ComplianceReport, form: Format, *, width: int = 80) -> str:
    """The report in one of its three formats."""
    if form is Format.JSON:
        return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
    return _markdown(report) if form is Format.MARKDOWN else _table(report, max(width, MIN_WIDTH))


def tally(report: ComplianceReport) -> str:
    """How many controls there are, and what came of them."""
    counts = ", ".join(f"{count} {status}" for status, count in report.summary.items() if count)
    return f"{report.title}: {len(report.controls)} controls, {counts or 'none'}."


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
                    *(wrapped(line, room, hanging="  ") for line in _said(control)),
                )
            ),
        )
        for control in report.controls
    ]
    parts = [margined(_headline(report), width), columns(("Status", "Control", "Title and reasons"), rows)]
    return "\n\n".join([*parts, wrapped(tally(report), width), wrapped(_CAUTION, width)]) + "\n"


def _markdown(report: ComplianceReport) -> str:
    rows = [
        tuple(map(escaped, (control.status, control.id, control.title, "; ".join(_said(control)))))
        for control in report.controls
    ]
    parts = [
        f"# {escaped(report.title)}",
        "\n".join(f"- {label}: {escaped(text)}" for label, text in _headline(report)),
        escaped(tally(report)),
        markdown_table(("Status", "Control", "Title", "Why"), rows),
        _CAUTION,
    ]
    return "\n\n".join(parts) + "\n"


def _headline(report: ComplianceReport) -> list[tuple[str, str]]:
    whose = "" if report.source is None else f", of {report.source} alone"
    standard = f"{report.title} ({report.pack}{whose})"
    return [*headline(report), ("Standard", standard), ("Keys", str(report.keys))]


def _said(control: ControlReport) -> list[str]:
    """Why the control is not passed, which keys fail it, and what was accepted; else by what it passed."""
    names = sorted({each.key_name or each.key_id for each in control.keys})
    waived = sum(counts.waived for counts in control.rules)
    said = list(control.reasons)
    if names:
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        said.append(f"keys: {', '.join(names[:_LISTED])}{more}")
    if waived:
        said.append(f"{waived} waived")
    if control.status is ControlStatus.PASSED:
        said.append(f"by {', '.join(counts.rule for counts in control.rules)}")
    return said


_LISTED = 10
