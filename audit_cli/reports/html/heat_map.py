"""The heat map: on which days each active key was used, the stalest key first."""

from collections.abc import Mapping
from datetime import date, timedelta

from audit_cli.reports.html.heat_bands import BANDS, SHARES, bands_table
from audit_cli.reports.html.heat_row import HeatRow, described, levels, short_name, strip
from audit_cli.reports.html.links import to_keys
from audit_cli.reports.html.markup import Markup, element, join, shape, svg, text
from audit_cli.reports.html.sheet import Sheet, counted
from ledger.ids import format_id
from projections.audit.report import AuditReport, Judged, days
from projections.audit.staleness import stalest_first

PAGE = 30

_EPOCH = date(1970, 1, 1)
_LEVELS = ("no use", "1 use", "2 to 10", "11 to 100", "more than 100")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# So many days at the end are too few for the name of a month.
_LAST_LABEL = 8
_HINT = "Where the events do not tell the days, as with a credential report, the last use alone is marked."
_US_A_DAY = 86_400_000_000


def heat_rows(report: AuditReport) -> list[HeatRow]:
    """The rows, for all keys whose days were asked for."""
    daily = report.daily_use
    if daily is None:
        return []
    length = daily.last_day - daily.first_day + 1
    return [
        _row(judged, daily.counts.get(judged.record.id, {}), daily.first_day, length)
        for judged in stalest_first(report.judged)
        if judged.record.id in daily.counts
    ]


def _row(judged: Judged, counts: Mapping[int, int], first_day: int, length: int) -> HeatRow:
    record = judged.record
    born = 0 if record.created_at is None else record.created_at // _US_A_DAY - first_day
    last = None if record.last_used_at is None else record.last_used_at // _US_A_DAY - first_day
    shown = levels(counts, first_day, length)
    marked = last if last is not None and 0 <= last < length and shown[last] == 0 else None
    return HeatRow(
        key_id=format_id(record.id),
        name=record.name,
        idle_days=days(record.idle(judged.as_of)),
        ever_used=record.last_used_at is not None,
        uses=sum(counts.values()),
        days_used=len(counts),
        levels=shown,
        born=min(max(born, 0), length),
        marked=marked,
    )


def heat_map(sheet: Sheet, rows: list[HeatRow]) -> Markup:
    """The table of the first rows; a script turns the pages."""
    daily = sheet.report.daily_use
    if daily is None or not rows:
        return element("p", text("There is no active key whose days could be shown."), class_="note")
    length = daily.last_day - daily.first_day + 1
    first, last = (_EPOCH + timedelta(days=day) for day in (daily.first_day, daily.last_day))
    caption = f"Uses a day from {first} to {last} (UTC), the key that has been idle for longest first"
    months = _months(first, length)
    head = element(
        "tr",
        element("th", text("Key"), scope="col"),
        element("th", text("Idle"), scope="col", class_="n"),
        element("th", months, scope="col", class_="strip"),
        element("th", text("Uses"), scope="col", class_="n"),
    )
    table = element(
        "table",
        element("caption", text(caption)),
        element("thead", head),
        element("tbody", *(heat_table_row(row) for row in rows[:PAGE])),
        class_="heat",
        id="heat-table",
    )
    shown = f"Showing 1 to {min(PAGE, len(rows)):,} of {counted(len(rows), 'active key')}."
    count = element("p", text(shown), class_="count", id="heat-count", role="status")
    glance: tuple[Markup, ...] = ()
    if len(rows) > BANDS:
        glance = (bands_table(rows, len(sheet.active), months), _legend(SHARES))
    return join((*glance, table, _legend(_LEVELS), element("p", text(_HINT), class_="note"), count))


def heat_table_row(row: HeatRow) -> Markup:
    """A key, how long it has been idle, its days and its uses."""
    name = to_keys(text(short_name(row.name)), key=row.key_id)
    idle = "unknown" if row.idle_days is None else f"{int(row.idle_days):,} d"
    return element(
        "tr",
        element("th", name, scope="row", title=row.name),
        element("td", text(idle), class_="n"),
        element("td", strip(row.levels, described(row), row.born, row.marked), class_="strip"),
        element("td", text(f"{row.uses:,}"), class_="n"),
    )


def _legend(meanings: tuple[str, ...]) -> Markup:
    swatches = (
        element("li", svg(_swatch(level), viewBox="0 0 10 10", aria_hidden="true"), text(meaning))
        for level, meaning in enumerate(meanings)
    )
    return element("ul", *swatches, class_="legend")


def _swatch(level: int) -> Markup:
    return shape("rect", class_=f"h{level}", width=10, height=10)


def _months(first: date, length: int) -> Markup:
    """The names of the months above their first days; in English everywhere, which strftime would not be."""
    dated = [(day, first + timedelta(days=day)) for day in range(length - _LAST_LABEL)]
    names = (
        element("text", text(_MONTHS[date_.month - 1]), x=f"{day * 100 / length:.2f}%", y=11)
        for day, date_ in dated
        if date_.day == 1
    )
    return svg(*names, class_="months", role="img", aria_label="Months")
