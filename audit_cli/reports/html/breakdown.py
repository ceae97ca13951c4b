"""Open findings by severity, by rule and by owner, as tables with bars."""

from collections import Counter

from audit_cli.reports.html.links import to_findings
from audit_cli.reports.html.markup import Markup, element, join, shape, svg, text
from audit_cli.reports.html.sheet import Sheet
from projections.audit.severity import WORST_FIRST, Severity

_OWNERS = 10
_WIDTH = 100

Counts = Counter[Severity]


def breakdown(sheet: Sheet) -> Markup:
    """Three tables whose figures are links to the findings they count."""
    return element("div", _by_severity(sheet), _by_rule(sheet), _by_owner(sheet), class_="columns")


def _by_severity(sheet: Sheet) -> Markup:
    counts = sheet.report.summary.by_severity
    rows = [
        (
            element("span", text(severity), class_=f"badge {severity}"),
            Counter({severity: counts[severity]}),
            to_findings(text(f"{counts[severity]:,}"), severity=severity, status="open"),
        )
        for severity in WORST_FIRST
    ]
    return _table("By severity", "Severity", rows, max(counts.values(), default=0))


def _by_rule(sheet: Sheet) -> Markup:
    counts: dict[str, Counts] = {rule: Counter() for rule in sheet.report.summary.by_rule}
    for finding in sheet.report.open_findings:
        counts[finding.rule][finding.severity] += 1
    ranked = sorted(counts.items(), key=lambda item: -item[1].total())
    rows = [
        (text(rule), each, to_findings(text(f"{each.total():,}"), rule=rule, status="open"))
        for rule, each in ranked
        if each
    ]
    silent = [rule for rule, each in counts.items() if not each]
    note = f"Nothing was found by {', '.join(silent)}." if silent else ""
    return _table("By rule", "Rule", rows, _largest(counts), note)


def _by_owner(sheet: Sheet) -> Markup:
    counts: dict[str, Counts] = {}
    for key_id, found in sheet.open_by_key.items():
        counts.setdefault(sheet.owner(key_id), Counter()).update(each.severity for each in found)
    ranked = sorted(counts.items(), key=lambda item: (_weight(item[1]), item[0]))
    rows = [
        (text(owner), each, to_findings(text(f"{each.total():,}"), owner=owner, status="open"))
        for owner, each in ranked[:_OWNERS]
    ]
    left = ranked[_OWNERS:]
    note = ""
    if left:
        total = sum(each.total() for _, each in left)
        note = f"{len(left):,} more owners have {total:,} findings; the table of findings has them all."
    return _table("By owner, the worst first", "Owner", rows, _largest(counts), note)


def _weight(counts: Counts) -> tuple[int, ...]:
    """Sorts by the number of the worst findings, then of the next."""
    return tuple(-counts[severity] for severity in WORST_FIRST)


def _largest(counts: dict[str, Counts]) -> int:
    return max((each.total() for each in counts.values()), default=0)


def _table(
    caption: str, noun: str, rows: list[tuple[Markup, Counts, Markup]], largest: int, note: str = ""
) -> Markup:
    head = element(
        "tr",
        element("th", text(noun), scope="col"),
        element("th", element("span", text("Share"), class_="unseen"), scope="col"),
        element("th", text("Open"), scope="col", class_="n"),
    )
    body = join(
        element(
            "tr",
            element("th", name, scope="row"),
            element("td", _bar(counts, largest), class_="bar"),
            element("td", figure, class_="n"),
        )
        for name, counts, figure in rows
    )
    table = element(
        "table",
        element("caption", text(caption)),
        element("thead", head),
        element("tbody", body),
        class_="ranking",
    )
    return element("div", table, element("p", text(note), class_="note") if note else Markup(""))


def _bar(counts: Counts, largest: int) -> Markup:
    """A bar in the colours of the severities; its length is told by the figure beside it."""
    parts, start = [], 0.0
    for severity in WORST_FIRST:
        if counts[severity]:
            width = counts[severity] * _WIDTH / largest
            parts.append(shape("rect", class_=severity, x=_short(start), width=_short(width), height=1))
            start += width
    return svg(*parts, viewBox=f"0 0 {_WIDTH} 1", preserveAspectRatio="none", aria_hidden="true")


def _short(length: float) -> str:
    return f"{length:.2f}".rstrip("0").rstrip(".")
