"""The page of an audit: its sections in their order."""

from audit_cli.reports.html.breakdown import breakdown
from audit_cli.reports.html.data import data_block
from audit_cli.reports.html.distribution import distributions
from audit_cli.reports.html.figures import headline, tiles
from audit_cli.reports.html.frame import framed, scope, section
from audit_cli.reports.html.heat_map import heat_map, heat_rows
from audit_cli.reports.html.markup import Markup, element, text
from audit_cli.reports.html.method import method
from audit_cli.reports.html.sheet import Sheet, sheet_of
from audit_cli.reports.html.tables import findings_table, keys_table
from projections.audit.report import AuditReport

_SECTIONS = (
    ("summary", "Where the findings are"),
    ("distributions", "How old, how idle"),
    ("heat", "Use by day"),
    ("findings", "Findings"),
    ("keys", "Keys"),
    ("method", "How this was judged"),
)


def render_html(report: AuditReport) -> str:
    """A page that needs nothing but itself; the same report gives the same bytes."""
    sheet = sheet_of(report)
    heat = heat_rows(report)
    bodies = (
        breakdown(sheet),
        distributions(sheet),
        heat_map(sheet, heat),
        findings_table(sheet),
        keys_table(sheet),
        method(sheet),
    )
    sections = (section(anchor, title, body) for (anchor, title), body in zip(_SECTIONS, bodies, strict=True))
    return framed(
        f"API key audit of {report.organization}, {report.as_of[:10]}",
        report.tool_version,
        element("a", text("Skip to the findings"), href="#findings", class_="skip"),
        _header(sheet),
        element("main", *sections, id="main"),
        data=data_block(sheet, heat),
    )


def _header(sheet: Sheet) -> Markup:
    report = sheet.report
    links = (element("li", element("a", text(title), href=f"#{anchor}")) for anchor, title in _SECTIONS)
    return element(
        "header",
        element("p", text("keyledger"), class_="brand"),
        element("h1", text("API key audit of "), element("span", text(report.organization))),
        scope(report),
        headline(sheet),
        tiles(sheet),
        element("nav", element("ul", *links), aria_label="Sections"),
    )
