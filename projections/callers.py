"""Who called with some keys lately, and from where: counted from the events of the days that matter alone."""

from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec
from sqlalchemy import Connection, select

from ledger.use_scan import ScannedUse, decode_uses, scan
from projections.tables import TABLES
from projections.use_counts import DAY_US

_CHUNK = 5_000
# Reading so many events in vain takes no longer than another query.
_WORTH_A_QUERY = 500


class Caller(msgspec.Struct, frozen=True):
    """The uses of a key by one caller (None: unknown) of one service in a time; addresses latest first."""

    service: str
    caller: str | None
    count: int
    last_at: int
    addresses: tuple[str, ...] = ()


class _Tally(msgspec.Struct):
    count: int = 0
    last_at: int = 0
    addresses: dict[str, int] = msgspec.field(default_factory=dict)


def read_callers(
    rows: Connection,
    ledger: Connection,
    names: Mapping[bytes, bytes],
    since: Mapping[bytes, int],
    until: int,
) -> dict[bytes, list[Caller]]:
    """The callers of some keys, each from a moment of its own on, the latest caller first.

    `names` are those under which the keys were used, each with the key that it means.
    """
    tallies: dict[bytes, dict[tuple[str, str | None], _Tally]] = {key_id: {} for key_id in since}
    first_day = min(since.values(), default=until) // DAY_US
    for first, last in _merged(_stretches(rows, names, first_day, until // DAY_US)):
        for use in _uses(ledger, first, last):
            key_id = names.get(use.key_id)
            if key_id is not None and (counted := _within(use, since[key_id], until)):
                _count(tallies[key_id].setdefault((use.service, use.caller or None), _Tally()), use, *counted)
    return {key_id: _latest_first(of_key) for key_id, of_key in tallies.items()}


def _stretches(
    rows: Connection, names: Collection[bytes], first_day: int, last_day: int
) -> Iterator[tuple[int, int]]:
    """The positions between which a day's uses of a key lie."""
    days, asked = TABLES.days.c, list(names)
    for start in range(0, len(asked), _CHUNK):
        of_keys = days.key_id.in_(asked[start : start + _CHUNK])
        query = select(days.low_position, days.high_position)
        query = query.where(of_keys, days.day.between(first_day, last_day))
        yield from rows.execute(query).tuples()


def _merged(stretches: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same positions in stretches that lie apart."""
    first = last = 0
    for low, high in sorted(stretches):
        if first and low > last + _WORTH_A_QUERY:
            yield first, last
            first = 0
        first, last = (first, max(last, high)) if first else (low, high)
    if first:
        yield first, last


def _uses(ledger: Connection, first: int, last: int) -> Iterator[ScannedUse]:
    driver = ledger.connection.driver_connection
    for batch in scan(ledger.dialect.name, driver, first - 1, last):
        yield from decode_uses(batch)


def _within(use: ScannedUse, since: int, until: int) -> tuple[int, int] | None:
    """How many uses were in a time, and when the last was; of coalesced ones only the ends are known."""
    last_at = use.last_at or use.occurred_at
    if last_at < since or use.occurred_at > until:
        return None
    return (use.count, last_at) if last_at <= until else (1, use.occurred_at)


def _count(tally: _Tally, use: ScannedUse, count: int, last_at: int) -> None:
    tally.count += count
    tally.last_at = max(tally.last_at, last_at)
    if use.origin is not None and use.origin.source_ip is not None:
        address = use.origin.source_ip
        tally.addresses[address] = max(tally.addresses.get(address, 0), last_at)


def _latest_first(tallies: Mapping[tuple[str, str | None], _Tally]) -> list[Caller]:
    callers = [
        Caller(
            service,
            caller,
            tally.count,
            tally.last_at,
            tuple(sorted(tally.addresses, key=lambda address: (-tally.addresses[address], address))),
        )
        for (service, caller), tally in tallies.items()
    ]
    return sorted(callers, key=lambda each: (-each.last_at, each.service, each.caller or ""))
