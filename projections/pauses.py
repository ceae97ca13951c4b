"""Pauses found in the uses by key and day, without reading the days of keys that never paused so long."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger.database import driver_rows
from projections.pause import Pause, Sought
from projections.tables import TABLES
from projections.use_counts import DAY_US

# For so few keys each day is looked up; for more a day is read whole.
FEW = 2_000
_CHUNK = 400
_DAYS_AT_ONCE = 32
_MOST_DAYS_AT_ONCE = 512


class Span(NamedTuple):
    """Uses of a key between two moments, on one day or, first of all, none but the creation."""

    first_at: int
    last_at: int
    first_position: int | None
    last_position: int | None


Names = Mapping[bytes, bytes]


def read_pauses(
    connection: Connection, names: Names, began: Mapping[bytes, Span], sought: Sought
) -> dict[bytes, list[Pause]]:
    """The pauses of some keys that are sought, in order.

    `names` gives each id under which a key is used with the key; `began` tells of each what there was at
    first: its creation, or its first use where that came before.
    """
    # No key that paused so long was used on any of these days, which lie within the pause from end to end.
    first, last = (sought.until - sought.at_least) // DAY_US + 1, sought.ended_since // DAY_US - 1
    names = _unused(connection, names, first, last)
    spans = _spans(connection, names, sought.ended_since // DAY_US, sought.until // DAY_US)
    if last < first:
        first = sought.ended_since // DAY_US
    for key_id, before in _before(connection, names, spans, began, first - 1).items():
        spans[key_id].insert(0, before)
    found = {key_id: list(filter(sought.fits, _between(spans[key_id]))) for key_id in spans}
    return {key_id: pauses for key_id, pauses in found.items() if pauses}


def _unused(connection: Connection, names: Names, first: int, last: int) -> Names:
    """Those of the keys that were used on none of these days; the latest days are asked first."""
    day = last
    while len(names) > FEW and day >= first:
        query = select(TABLES.days.c.key_id).where(TABLES.days.c.day == day)
        names = _without(names, (key_id for (key_id,) in driver_rows(connection, query)))
        day -= 1
    return _without(names, (name for name, _ in _rows(connection, names, first, day)))


def _without(names: Names, used: Iterable[bytes]) -> Names:
    gone = {names[name] for name in used if name in names}
    return {name: key_id for name, key_id in names.items() if key_id not in gone} if gone else names


def _spans(connection: Connection, names: Names, first: int, last: int) -> dict[bytes, list[Span]]:
    found: dict[bytes, list[Span]] = defaultdict(list)
    for name, span in _rows(connection, names, first, last):
        found[names[name]].append(span)
    for spans in found.values():
        spans.sort()
    return found


def _before(
    connection: Connection,
    names: Names,
    spans: Mapping[bytes, Sequence[Span]],
    began: Mapping[bytes, Span],
    day: int,
) -> dict[bytes, Span]:
    """What came last, up to a day, before the first of some spans; days are asked backwards."""
    found = {key_id: began[key_id] for key_id in spans if began[key_id].last_at < spans[key_id][0].first_at}
    wanted = {name: key_id for name, key_id in names.items() if key_id in found}
    days = _DAYS_AT_ONCE
    while wanted:
        for key_id, earlier in _spans(connection, wanted, day - days + 1, day).items():
            found[key_id] = max(earlier, key=lambda span: span.last_at)
        day -= days
        days = min(2 * days, _MOST_DAYS_AT_ONCE)
        wanted = {
            name: key_id
            for name, key_id in wanted.items()
            if found[key_id] is began[key_id] and began[key_id].first_at < (day + 1) * DAY_US
        }
    return found


def _between(spans: Sequence[Span]) -> Iterator[Pause]:
    reached = spans[0]
    for _, span in pairwise(spans):
        # One event tells both ends of uses that it counts together: between them is no pause.
        if span.first_at > reached.last_at and span.first_position != reached.last_position:
            yield Pause(
                reached.last_at, span.first_at, span.first_at, reached.last_position, span.first_position
            )
        if span.last_at >= reached.last_at:
            reached = span


def _rows(connection: Connection, names: Names, first: int, last: int) -> Iterator[tuple[bytes, Span]]:
    """The uses of some keys by day, each with the id that it was under."""
    if not names or last < first:
        return
    days = TABLES.days.c
    columns = (days.key_id, days.first_at, days.last_at, days.first_position, days.last_position)
    if len(names) > FEW:
        query = select(*columns).where(days.day.between(first, last))
        rows: Iterable[tuple[bytes, int, int, int, int]] = driver_rows(connection, query)
        yield from ((name, Span(*span)) for name, *span in rows if name in names)
        return
    for some in _chunks(sorted(names)):
        query = select(*columns).where(days.day.in_(range(first, last + 1)), days.key_id.in_(some))
        yield from ((name, Span(*span)) for name, *span in driver_rows(connection, query))


def _chunks(names: Sequence[bytes]) -> Iterator[Collection[bytes]]:
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]
