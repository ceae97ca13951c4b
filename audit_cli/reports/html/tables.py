"""The tables of findings and of keys: their first rows, and the controls by which a script shows others."""

from collections.abc import Iterable
from operator import attrgetter

import msgspec

from audit_cli.reports.html.line import Line
from audit_cli.reports.html.links import to_findings, to_keys
from audit_cli.reports.html.markup import Markup, element, join, text
from audit_cli.reports.html.sheet import Sheet, counted, owner_of
from projections.audit.findings import FindingStatus
from projections.audit.report import AuditedKey
from projections.audit.severity import WORST_FIRST

PAGE = 100

_SHORT_ID = 8
_FINDING_COLUMNS = (("severity", "Severity"), ("name", "Key"), ("owner", "Owner"), ("rule", "Finding"))
_KEY_COLUMNS = (
    *(("name", "Key"), ("owner", "Owner"), ("state", "State"), ("age", "Age"), ("idle", "Idle")),
    *(("uses", "Uses"), ("services", "Services"), ("found", "Findings")),
)
_NUMBERS = ("age", "idle", "uses", "found")
_WIDE = ("owner", "uses", "services")
_NO_SCRIPT = "Without JavaScript this page shows the first rows; `keyledger audit --format csv` has them all."


def findings_table(sheet: Sheet) -> Markup:
    """The findings, the worst first; then what passed or could not be told, where that was asked."""
    lines = sheet.lines
    severities = [("", "any"), ("urgent", "critical and high"), *((each, each) for each in WORST_FIRST)]
    states: list[str] = list(FindingStatus)
    states += ["new"] if sheet.report.since is not None else []
    states += sorted({line.status for line in lines if not line.is_found})
    controls = (
        _search("findings", "Key, rule or text"),
        _choice("findings", "severity", "Severity", severities),
        _choice("findings", "rule", "Rule", _named(sorted({line.rule for line in lines}))),
        _choice("findings", "owner", "Owner", _named(sorted({sheet.owner(line.key_id) for line in lines}))),
        _choice("findings", "status", "Status", _named(states)),
    )
    rows = (finding_row(sheet, line) for line in lines[:PAGE])
    noun = "finding" if sheet.report.assessments is None else "assessment"
    parts = _Parts("findings", noun, "Findings, as a heading sorts them", len(lines))
    return _whole(parts, controls, _FINDING_COLUMNS, rows)


def keys_table(sheet: Sheet) -> Markup:
    """The keys by name."""
    keys = sheet.keys
    usages = [("", "any"), ("idle", "unused or never used"), *_named(sorted({key.usage for key in keys}))[1:]]
    controls = (
        _search("keys", "Name, id or service"),
        _choice("keys", "owner", "Owner", _named(sorted({owner_of(key) for key in keys}))),
        _choice("keys", "state", "State", _named(sorted({key.state for key in keys}))),
        _choice("keys", "usage", "Usage", usages),
        _choice("keys", "source", "Source", _named(sorted({key.source for key in keys}))),
        _choice("keys", "found", "Findings", [("", "any"), ("open", "some"), ("none", "none")]),
    )
    rows = (key_row(sheet, key) for key in keys[:PAGE])
    return _whole(
        _Parts("keys", "key", "Keys, as a heading sorts them", len(keys)), controls, _KEY_COLUMNS, rows
    )


def finding_row(sheet: Sheet, line: Line) -> Markup:
    """A line: how bad, on which key, whose, and what, with its evidence and its remedy."""
    owner = text(sheet.owner(line.key_id))
    said = [element("b", text(line.rule)), element("p", text(line.told))]
    if line.evidence:
        cited = "Event" if len(line.evidence) == 1 else "Events"
        said.append(element("small", text(f"{cited} {', '.join(map(str, line.evidence))}")))
    if line.remedy:
        said.append(element("code", text(line.remedy)))
    return element(
        "tr",
        element("td", *_marks(line)),
        element(
            "th",
            to_keys(text(line.key_name), key=line.key_id),
            element("small", text(line.key_id[:_SHORT_ID]), title=line.key_id),
            element("small", owner, class_="narrow"),
            scope="row",
        ),
        element("td", owner, class_="wide"),
        element("td", *said),
    )


def _marks(line: Line) -> list[Markup]:
    kind = line.severity if line.is_found else "quiet"
    marks = [element("span", text(line.severity), class_=f"badge {kind}")]
    if line.status != FindingStatus.OPEN:
        marks.append(element("span", text(line.status), class_="mark"))
    if line.is_new:
        marks.append(element("span", text("new"), class_="mark"))
    return marks


def key_row(sheet: Sheet, key: AuditedKey) -> Markup:
    """A key: whose, in which state, how old, how long idle, how much used and where, and what was found."""
    found = sheet.open_by_key.get(key.id, [])
    outside = [key.external_id] if key.external_id and key.external_id != key.name else []
    worst = max((finding.severity for finding in found), key=attrgetter("rank"), default=None)
    label = f"{counted(len(found), 'finding')} on it"
    count = to_findings(text(len(found)), key=key.id, status="open", label=label)
    age = (text(_days(key.age_days)), element("small", _date(key.created_at, "unknown")))
    idle = (text(_days(key.idle_days)), element("small", _date(key.last_used_at, "never used")))
    return element(
        "tr",
        element(
            "th",
            text(key.name),
            element("small", text(key.id[:_SHORT_ID]), title=key.id),
            *(element("small", text(each)) for each in outside),
            element("small", text(owner_of(key)), class_="narrow"),
            scope="row",
        ),
        element("td", text(owner_of(key)), class_="wide"),
        element("td", text(key.state), element("small", text(key.usage))),
        element("td", *age, class_="n"),
        element("td", *idle, class_="n"),
        element("td", text("some" if key.use_count is None else f"{key.use_count:,}"), class_="n wide"),
        element("td", text(", ".join(key.services)), class_="wide"),
        element("td", element("span", count, class_=f"badge {worst}") if worst else text("0"), class_="n"),
    )


def _days(days: float | None) -> str:
    return "unknown" if days is None else f"{int(days):,} d"


def _date(moment: str | None, otherwise: str) -> Markup:
    return text(otherwise) if moment is None else element("time", text(moment[:10]), datetime=moment)


class _Parts(msgspec.Struct, frozen=True):
    """What a table is called, of what it has how many."""

    name: str
    noun: str
    caption: str
    count: int


def _whole(
    parts: _Parts,
    controls: Iterable[Markup],
    columns: Iterable[tuple[str, str]],
    rows: Iterable[Markup],
) -> Markup:
    name = parts.name
    head = element("tr", *(_heading(term, label) for term, label in columns))
    table = element(
        "table",
        element("caption", text(parts.caption), class_="unseen"),
        element("thead", head),
        element("tbody", *rows),
        class_=f"list {name}",
        id=f"{name}-table",
        data_noun=parts.noun,
    )
    shown = f"Showing {min(PAGE, parts.count):,} of {counted(parts.count, parts.noun)}."
    clear, more, everything = (
        _button("clear", "Clear"),
        _button("more", "Show more"),
        _button("all", "Show all"),
    )
    whole = [
        element("form", *controls, clear, class_="controls", id=f"{name}-controls"),
        element("p", text(shown), class_="count", id=f"{name}-count", role="status"),
        table,
        element("p", more, everything, class_="more", id=f"{name}-more"),
    ]
    if parts.count > PAGE:
        whole.append(element("noscript", element("p", text(_NO_SCRIPT), class_="note")))
    return join(whole)


def _heading(term: str, label: str) -> Markup:
    classes = " ".join(name for name, terms in (("n", _NUMBERS), ("wide", _WIDE)) if term in terms)
    return element("th", text(label), scope="col", class_=classes or None, data_sort=term)


def _button(action: str, label: str) -> Markup:
    return element("button", text(label), type="button", data_action=action)


def _search(table: str, label: str) -> Markup:
    field = element("input", type="search", id=f"{table}-q", name="q", placeholder=label, autocomplete="off")
    return element("div", element("label", text("Search"), for_=f"{table}-q"), field)


def _choice(table: str, term: str, label: str, choices: Iterable[tuple[str, str]]) -> Markup:
    options = (element("option", text(shown), value=value) for value, shown in choices)
    select = element("select", *options, id=f"{table}-{term}", name=term)
    return element("div", element("label", text(label), for_=f"{table}-{term}"), select)


def _named(values: Iterable[str]) -> list[tuple[str, str]]:
    return [("", "any"), *((value, value) for value in values)]
