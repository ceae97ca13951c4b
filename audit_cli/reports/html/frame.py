"""What a page is made of besides what it says: a head that lets nothing in or out, our style and script."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from audit_cli.reports.html.markup import Markup, element, join, text, verbatim
from projections.audit.compliance import ComplianceReport
from projections.audit.report import AuditReport

_CARE = "It holds names of keys and people: forward it with care."


def framed(title: str, tool_version: str, *body: Markup, data: Markup | None = None) -> str:
    """A page that needs nothing but itself; with `data` it has the script that works on them."""
    style, script = _asset("report.css"), None if data is None else _asset("report.js")
    footer = element("footer", element("p", text(f"Made by keyledger {tool_version}. {_CARE}")))
    scripts = () if data is None or script is None else (data, verbatim("script", script))
    whole = (_head(title, tool_version, style, script), element("body", *body, footer, *scripts))
    return f"<!DOCTYPE html>\n{element('html', join(whole), lang='en')}\n"


def scope(report: AuditReport | ComplianceReport) -> Markup:
    """The moment that the page is about, and how much of the ledger it is from."""
    return element(
        "p",
        text("As of "),
        element("time", text(report.as_of), datetime=report.as_of),
        text(f", by the ledger up to position {report.position:,}"),
        class_="scope",
    )


def section(anchor: str, title: str, body: Markup) -> Markup:
    """A part of the page under its heading."""
    heading = element("h2", text(title), id=f"{anchor}-title")
    return element("section", heading, body, id=anchor, aria_labelledby=f"{anchor}-title", tabindex=-1)


def facts(told: list[tuple[str, str]]) -> Markup:
    """Texts beside their labels."""
    return element(
        "dl",
        *(element("div", element("dt", text(label)), element("dd", text(said))) for label, said in told),
    )


def _head(title: str, tool_version: str, style: str, script: str | None) -> Markup:
    scripts = "'none'" if script is None else f"'{_hash(script)}'"
    rules = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:;"
        f" style-src '{_hash(style)}'; script-src {scripts}"
    )
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=rules),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content=f"keyledger {tool_version}"),
        element("title", text(title)),
        element("link", rel="icon", href="data:,"),
        verbatim("style", style),
    )


def _hash(source: str) -> str:
    return f"sha256-{b64encode(sha256(source.encode()).digest()).decode()}"


@cache
def _asset(name: str) -> str:
    return files("audit_cli.reports.html").joinpath(name).read_text("utf-8")
