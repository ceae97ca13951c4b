"""How old active keys are, and how long they have been idle."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from audit_cli.reports.html.links import to_keys
from audit_cli.reports.html.markup import Markup, element, shape, svg, text
from audit_cli.reports.html.sheet import Sheet, counted
from ledger.moments import parse_duration

_DAY = timedelta(days=1)
_EDGES = (7, 30, 90, 180, 365, 730)
_TOP, _GAP = 14, 3  # in percent of the height: room for the count, and between it and its column


class Bin(msgspec.Struct, frozen=True):
    """A range of days: at least `start`, less than `end` (None: without end), and how many keys are in it."""

    start: float
    end: float | None
    label: str
    count: int
    is_over: bool


def distributions(sheet: Sheet) -> Markup:
    """Two columns of bars, each bar a link to its keys."""
    ages = [key.age_days for key in sheet.active]
    idle = [key.idle_days for key in sheet.active]
    max_age, unused_for = (sheet.report.policy[name] for name in ("max_age", "unused_for"))
    return element(
        "div",
        _figure("Age of active keys, in days", "age", ages, max_age, "age"),
        _figure(
            "Time since their last use, in days",
            "idle",
            idle,
            unused_for,
            "idleness",
        ),
        class_="columns two",
    )


def bins_of(values: Sequence[float | None], threshold: str) -> list[Bin]:
    """The values in ranges, of which the threshold begins one; those that are unknown are left out."""
    limit = parse_duration(threshold)
    edges = sorted({timedelta(), limit, *(timedelta(days=edge) for edge in _EDGES)})
    found = []
    for start, end in zip(edges, [*edges[1:], None], strict=True):
        low, high = start / _DAY, None if end is None else end / _DAY
        count = sum(value is not None and low <= value and (high is None or value < high) for value in values)
        found.append(Bin(low, high, _label(start, end), count, start >= limit))
    return found


def _figure(caption: str, term: str, values: Sequence[float | None], threshold: str, meaning: str) -> Markup:
    bins = bins_of(values, threshold)
    largest = max(each.count for each in bins)
    bars = (element("li", _bar(each, largest, term)) for each in bins)
    over = sum(each.count for each in bins if each.is_over)
    unknown = sum(value is None for value in values)
    limit = f"{threshold}, the policy's limit of {meaning}"
    said = f"{counted(over, 'key')} at or past {limit}, in the stronger colour."
    if unknown:
        said += f" Of {counted(unknown, 'key')} it is unknown."
    return element(
        "figure",
        element("figcaption", text(caption)),
        element("ol", *bars, class_="histogram"),
        element("p", text(said), class_="note"),
    )


def _bar(each: Bin, largest: int, term: str) -> Markup:
    """The count stands on its column, in percent of the height so that no text is stretched."""
    top = _TOP + (1 - each.count / largest) * (100 - _TOP) if largest else 100
    drawing = svg(
        shape(
            "rect",
            class_="over" if each.is_over else "within",
            y=f"{top:.1f}%",
            width="100%",
            height=f"{100 - top:.1f}%",
        ),
        element("text", text(f"{each.count:,}"), x="50%", y=f"{top - _GAP:.1f}%"),
        aria_hidden="true",
    )
    limits = f"{_plain(each.start)}..{'' if each.end is None else _plain(each.end)}"
    return to_keys(
        drawing,
        element("span", text(each.label)),
        label=f"{counted(each.count, 'key')}: {each.label} days",
        state="active",
        **{term: limits},
    )


def _label(start: timedelta, end: timedelta | None) -> str:
    if end is None:
        return f"{_days(start)} +"
    return f"< {_days(end)}" if not start else f"{_days(start)}\u2013{_days(end)}"


def _days(duration: timedelta) -> str:
    return f"{duration / _DAY:.2f}".rstrip("0").rstrip(".")


def _plain(days: float) -> str:
    return f"{days:.6f}".rstrip("0").rstrip(".")
