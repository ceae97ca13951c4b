"""The formats in which a report can be had."""

from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from projections.audit.report import AuditReport


class Format(StrEnum):
    """The names of `--format`."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    MARKDOWN = "markdown"
    HTML = "html"
    SARIF = "sarif"
    OCSF = "ocsf"
    GITHUB = "github"


# Each is imported when it is asked for, since some take longer than a small audit.
_MODULES = {form: f"audit_cli.reports.{form}" for form in Format} | {
    Format.HTML: "audit_cli.reports.html.page"
}


def render(report: "AuditReport", form: Format, *, width: int = 80, color: bool = False) -> str:
    """The report as text that ends with a newline; width and colour matter to the table only."""
    how = {"width": width, "color": color} if form is Format.TABLE else {}
    text: str = getattr(import_module(_MODULES[form]), f"render_{form}")(report, **how)
    return text
