"""The formats in which a report can be had."""

from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

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


def render(report: "AuditReport", form: Format, *, width: int = 80, color: bool = False) -> str:
    """The report as text that ends with a newline; width and colour matter to the table only."""
    match form:
        case Format.TABLE:
            from audit_cli.reports.table import render_table

            return render_table(report, width, color=color)
        case Format.JSON:
            from audit_cli.reports.json import render_json

            return render_json(report)
        case Format.JSONL:
            from audit_cli.reports.jsonl import render_jsonl

            return render_jsonl(report)
        case Format.CSV:
            from audit_cli.reports.csv import render_csv

            return render_csv(report)
        case Format.MARKDOWN:
            from audit_cli.reports.markdown import render_markdown

            return render_markdown(report)
        case Format.HTML:
            from audit_cli.reports.html.page import render_html

            return render_html(report)
        case Format.SARIF:
            from audit_cli.reports.sarif import render_sarif

            return render_sarif(report)
        case Format.OCSF:
            from audit_cli.reports.ocsf import render_ocsf

            return render_ocsf(report)
        case Format.GITHUB:
            from audit_cli.reports.github import render_github

            return render_github(report)
        case _:
            assert_never(form)
