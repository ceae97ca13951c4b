"""Links from a figure to the rows behind it: to the table, which a script then filters."""

from urllib.parse import urlencode

from audit_cli.reports.html.markup import Markup, element
from audit_cli.reports.terminal import printable

KEYS = "keys"
FINDINGS = "findings"


def to_keys(*children: Markup, label: str | None = None, **terms: str) -> Markup:
    """A link to those of the keys of which the terms are true."""
    return _link(KEYS, terms, label, children)


def to_findings(*children: Markup, label: str | None = None, **terms: str) -> Markup:
    """A link to those of the findings of which the terms are true."""
    return _link(FINDINGS, terms, label, children)


def _link(table: str, terms: dict[str, str], label: str | None, children: tuple[Markup, ...]) -> Markup:
    wanted = urlencode({name: printable(value) for name, value in terms.items()})
    return element("a", *children, href=f"#{table}", data_filter=wanted or None, aria_label=label)
