"""The end of the page: by what was judged, and how the report can be had again."""

from audit_cli.reports.headline import headline
from audit_cli.reports.html.frame import facts
from audit_cli.reports.html.links import to_findings
from audit_cli.reports.html.markup import Markup, element, join, text
from audit_cli.reports.html.sheet import Sheet
from projections.audit.rules import find_rule


def method(sheet: Sheet) -> Markup:
    """What the audit ran on, its digest, and the rules that it asked."""
    return join((_scope(sheet), _again(sheet), _rules(sheet)))


def _scope(sheet: Sheet) -> Markup:
    return facts([*headline(sheet.report), ("Report digest", f"SHA-256 {sheet.report.sha256().hex()}")])


def _again(sheet: Sheet) -> Markup:
    report = sheet.report
    command = (
        f"keyledger audit --as-of {report.as_of} --at-position {report.position} --format html -o report.html"
    )
    return element(
        "p",
        text("With the same policy, rules and kinds of keys, this gives the same page, byte for byte: "),
        element("code", text(command)),
        text(". An event that a finding cites is printed by "),
        element("code", text("keyledger show-event POSITION")),
        text("."),
    )


def _rules(sheet: Sheet) -> Markup:
    counts = sheet.report.summary.by_rule
    rows = []
    for rule_id, count in counts.items():
        rule = find_rule(rule_id)
        controls = "; ".join(f"{control.framework} {control.id}" for control in rule.controls)
        rows.append(
            element(
                "tr",
                element("th", text(rule.title), element("small", text(rule_id)), scope="row"),
                element("td", text(rule.meaning), element("small", text(rule.resolution))),
                element("td", text(controls), class_="wide"),
                element("td", to_findings(text(count), rule=rule_id, status="open"), class_="n"),
            )
        )
    columns = (("Rule", None), ("What it means, and what to do", None), ("Controls", "wide"), ("Open", "n"))
    head = element("tr", *(element("th", text(label), scope="col", class_=kind) for label, kind in columns))
    caption = element("caption", text("The rules that were asked"))
    return element("table", caption, element("thead", head), element("tbody", *rows), class_="list rules")
