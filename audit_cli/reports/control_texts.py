"""What a compliance report says of itself and of each control, in whatever format."""

from audit_cli.reports.headline import headline
from audit_cli.wording import counted
from projections.audit.compliance import ComplianceReport, ControlReport, ControlStatus

CAUTION = (
    "Passed means that no rule found anything that speaks against the control. A control may ask for more"
    " than an inventory of keys can show."
)
_LISTED = 10


def tally(report: ComplianceReport) -> str:
    """How many controls there are, and what came of them."""
    counts = ", ".join(f"{count} {status}" for status, count in report.summary.items() if count)
    return f"{report.title}: {len(report.controls)} controls, {counts or 'none'}."


def headline_of(report: ComplianceReport) -> list[tuple[str, str]]:
    """Whose audit of what, by which measure, for which standard: labels and texts, in order."""
    whose = "" if report.source is None else f", of {report.source} alone"
    standard = f"{report.title} ({report.pack}{whose})"
    return [*headline(report), ("Standard", standard), ("Keys", str(report.keys))]


def said(control: ControlReport) -> list[str]:
    """Why the control is not passed, which keys fail it, and what was accepted; else by what it passed."""
    names = sorted({each.key_name or each.key_id for each in control.keys})
    waived = sum(counts.waived for counts in control.rules)
    told = list(control.reasons)
    if names:
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        told.append(f"keys: {', '.join(names[:_LISTED])}{more}")
    if waived:
        told.append(f"{waived} waived")
    if control.counted is not None:
        users, over = counted(control.counted.users, "user"), control.counted.over
        told.append(f"{users} with active keys, {over} with more than {control.counted.most_active_keys}")
    elif control.status is ControlStatus.PASSED:
        told.append(f"by {', '.join(counts.rule for counts in control.rules)}")
    return told
