"""A key's row of the heat map, drawn and packed."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from string import ascii_uppercase

import msgspec

from audit_cli.reports.html.markup import Markup, element, shape, svg, text

_HEIGHT = 10
_STEPS = (1, 10, 100)
_LEVELS = len(_STEPS) + 2
_LETTERS = ascii_uppercase[: _LEVELS * _LEVELS]


class HeatRow(msgspec.Struct, frozen=True):
    """What is drawn of a key: a level from 0 to 4 for each day.

    It was made on day `born`; `marked` is the day of a last use that no event tells of.
    """

    key_id: str
    name: str
    idle_days: int | float | None
    ever_used: bool
    uses: int
    days_used: int
    levels: list[int]
    born: int
    marked: int | None


def levels(counts: Mapping[int, int], first_day: int, length: int) -> list[int]:
    """The level of each day: none, one use, up to 10, up to 100, more."""
    found = [0] * length
    for day, count in counts.items():
        found[day - first_day] = 1 + bisect_left(_STEPS, count)
    return found


def short_name(name: str) -> str:
    """The name, of an ARN the part that tells keys apart."""
    return name.rpartition(":")[2] if name.startswith("arn:") else name


def described(row: HeatRow) -> str:
    """What the strip shows, in words."""
    if row.days_used:
        days = "1 day" if row.days_used == 1 else f"{row.days_used} days"
        return f"used on {days} of {len(row.levels)}"
    if row.marked is not None:
        return f"last used on day {row.marked + 1} of {len(row.levels)}"
    return f"not used on any of {len(row.levels)} days" + ("" if row.ever_used else ", nor before")


def strip(shown: Sequence[int], said: str, born: int = 0, marked: int | None = None) -> Markup:
    """The days as a drawing: one shape for all days of a level, so that a row stays small."""
    length = len(shown)
    shapes = [shape("rect", class_="ground", x=born, width=length - born, height=_HEIGHT)]
    for level in range(1, _LEVELS):
        path = "".join(f"M{day} 0h.8v10h-.8z" for day, each in enumerate(shown) if each == level)
        if path:
            shapes.append(shape("path", class_=f"h{level}", d=path))
    if marked is not None:
        shapes.append(shape("path", class_="mark", d=f"M{marked - 1} 0h3l-1.5 10z"))
    return svg(
        element("title", text(said)),
        *shapes,
        viewBox=f"0 0 {length} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=said,
    )


def packed(shown: Sequence[int]) -> str:
    """Two days a letter, A for none to Y for the most on both; empty days at the end are left out."""
    pairs = zip(shown[::2], [*shown[1::2], 0], strict=False)
    return "".join([_LETTERS[first * _LEVELS + second] for first, second in pairs]).rstrip("A")
