"""The page: its head, which lets nothing in or out, and its sections in their order."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from audit_cli.reports.html.breakdown import breakdown
from audit_cli.reports.html.data import data_block
from audit_cli.reports.html.distribution import distributions
from audit_cli.reports.html.figures import headline, tiles
from audit_cli.reports.html.heat_map import heat_map, heat_rows
from audit_cli.reports.html.markup import Markup, element, text, verbatim
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
    style, script = _asset("report.css"), _asset("report.js")
    bodies = (
        breakdown(sheet),
        distributions(sheet),
        heat_map(sheet, heat),
        findings_table(sheet),
        keys_table(sheet),
        method(sheet),
    )
    sections = (
        _section(anchor, title, body) for (anchor, title), body in zip(_SECTIONS, bodies, strict=True)
    )
    body = element(
        "body",
        element("a", text("Skip to the findings"), href="#findings", class_="skip"),
        _header(sheet),
        element("main", *sections, id="main"),
        _footer(report),
        data_block(sheet, heat),
        verbatim("script", script),
    )
    page = element("html", _head(report, style, script), body, lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def _head(report: AuditReport, style: str, script: str) -> Markup:
    rules = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:;"
        f" style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=rules),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content=f"keyledger {report.tool_version}"),
        element("title", text(f"API key audit of {report.organization}, {report.as_of[:10]}")),
        element("link", rel="icon", href="data:,"),
        verbatim("style", style),
    )


def _header(sheet: Sheet) -> Markup:
    report = sheet.report
    links = (element("li", element("a", text(title), href=f"#{anchor}")) for anchor, title in _SECTIONS)
    return element(
        "header",
        element("p", text("keyledger"), class_="brand"),
        element("h1", text("API key audit of "), element("span", text(report.organization))),
        element(
            "p",
            text("As of "),
            element("time", text(report.as_of), datetime=report.as_of),
            text(f", by the ledger up to position {report.position:,}"),
            class_="scope",
        ),
        headline(sheet),
        tiles(sheet),
        element("nav", element("ul", *links), aria_label="Sections"),
    )


def _section(anchor: str, title: str, body: Markup) -> Markup:
    heading = element("h2", text(title), id=f"{anchor}-title")
    return element("section", heading, body, id=anchor, aria_labelledby=f"{anchor}-title", tabindex=-1)


def _footer(report: AuditReport) -> Markup:
    care = "It holds names of keys and people: forward it with care."
    return element("footer", element("p", text(f"Made by keyledger {report.tool_version}. {care}")))


def _hash(source: str) -> str:
    return f"sha256-{b64encode(sha256(source.encode()).digest()).decode()}"


@cache
def _asset(name: str) -> str:
    return files("audit_cli.reports.html").joinpath(name).read_text("utf-8")
