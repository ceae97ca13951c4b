"""The page of a standard: its controls one by one, and what came of each."""

from audit_cli.reports.control_texts import CAUTION, headline_of, said, tally
from audit_cli.reports.html.frame import facts, framed, scope, section
from audit_cli.reports.html.markup import Markup, element, join, text
from projections.audit.compliance import ComplianceReport, ControlReport, ControlStatus

_BADGES = {
    ControlStatus.FAILED: "critical",
    ControlStatus.NOT_ASSESSABLE: "medium",
    ControlStatus.PASSED: "low",
}


def render_controls(report: ComplianceReport) -> str:
    """A page that needs nothing but itself; the same report gives the same bytes."""
    return framed(
        f"{report.title} at {report.organization}, {report.as_of[:10]}",
        report.tool_version,
        element(
            "header",
            element("p", text("keyledger"), class_="brand"),
            element("h1", text(f"{report.title} at "), element("span", text(report.organization))),
            scope(report),
            element("p", text(_verdict(report)), class_="verdict"),
            element("p", text(CAUTION), class_="lead"),
        ),
        element(
            "main",
            section("controls", "Controls", _table(report)),
            section("method", "How this was judged", facts(headline_of(report))),
            id="main",
        ),
    )


def _verdict(report: ComplianceReport) -> str:
    return tally(report).partition(": ")[2]


def _table(report: ComplianceReport) -> Markup:
    head = element(
        "tr",
        *(element("th", text(label), scope="col") for label in ("Status", "Control", "Title and reasons")),
    )
    return element(
        "table",
        element("caption", text("The controls in the order of their numbers"), class_="unseen"),
        element("thead", head),
        element("tbody", *map(_row, report.controls)),
        class_="list",
    )


def _row(control: ControlReport) -> Markup:
    reasons = join(element("small", text(line)) for line in said(control))
    return element(
        "tr",
        element("td", element("span", text(control.status), class_=f"badge {_BADGES[control.status]}")),
        element("th", text(control.id), scope="row"),
        element("td", element("b", text(control.title)), reasons),
    )
