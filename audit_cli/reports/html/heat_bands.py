"""All active keys at a glance: bands of keys idle about as long, and how many were used each day."""

from collections.abc import Sequence

from audit_cli.reports.html.heat_row import HeatRow, strip
from audit_cli.reports.html.markup import Markup, element, text
from audit_cli.reports.html.sheet import counted

BANDS = 30
SHARES = ("none", "under 10 %", "under 40 %", "under 75 %", "more")

_STEPS = (0.1, 0.4, 0.75)


def bands_table(rows: Sequence[HeatRow], active: int, months: Markup) -> Markup:
    """A row for each band; its link turns the table of keys to the band's first."""
    size = -(-len(rows) // BANDS)
    shown = f"All {active:,}" if len(rows) == active else f"The {len(rows):,} stalest of {active:,}"
    caption = f"{shown} active keys in bands of {size:,}: the share that was used each day"
    head = element(
        "tr",
        element("th", text("Idle for"), scope="col"),
        element("th", text("Keys"), scope="col", class_="n"),
        element("th", months, scope="col", class_="strip"),
        element("th", text("Used"), scope="col", class_="n"),
    )
    body = (_row(rows[start : start + size], start) for start in range(0, len(rows), size))
    return element(
        "table",
        element("caption", text(caption)),
        element("thead", head),
        element("tbody", *body),
        class_="heat bands",
    )


def _row(band: Sequence[HeatRow], start: int) -> Markup:
    used = sum(row.days_used > 0 for row in band)
    said = f"{used:,} of {counted(len(band), 'key')} used in the days shown"
    drawing = strip([_level(band, day) for day in range(len(band[0].levels))], said)
    link = element("a", text(_idle(band)), href="#heat-table", data_heat=start)
    return element(
        "tr",
        element("th", link, scope="row"),
        element("td", text(f"{len(band):,}"), class_="n"),
        element("td", drawing, class_="strip"),
        element("td", text(f"{used:,}"), class_="n"),
    )


def _level(band: Sequence[HeatRow], day: int) -> int:
    used = sum(row.levels[day] > 0 for row in band)
    return 1 + sum(used >= step * len(band) for step in _STEPS) if used else 0


def _idle(band: Sequence[HeatRow]) -> str:
    """From how long to how long, in whole days."""
    longest, shortest = band[0].idle_days, band[-1].idle_days
    if longest is None:
        return "unknown"
    if shortest is None:
        return f"{int(longest):,} d or unknown"
    most, least = int(longest), int(shortest)
    return f"{most:,} d" if most == least else f"{most:,} to {least:,} d"
