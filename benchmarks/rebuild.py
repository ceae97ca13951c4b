"""How fast the read side is rebuilt, against reading the same events and doing nothing with them."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from benchmarks import postgresql_limit, sqlite_limit
from benchmarks.comparison import Comparison
from benchmarks.memory import peak_megabytes
from benchmarks.pairing import Measured, paired, rate
from benchmarks.site import Site
from benchmarks.stock_reading import StockReading
from ledger.database import Database
from projections.rebuild import rebuild

Build: TypeAlias = Callable[[Database], object]

_TOTALS = partial(rebuild, only=("key_usage",))


def _against_scan(build: Build, site: Site, *, on_postgresql: bool = False) -> Measured:
    bulk = site.bulk(on_postgresql=on_postgresql)
    subject, events = bulk.subject, bulk.fill(site.scale.events)
    if build is _TOTALS:
        # Some tables alone can be rebuilt only where all are there.
        rebuild(subject.database)
    scan = postgresql_limit.scan if on_postgresql else sqlite_limit.scan
    return paired(
        lambda _number: rate(events, partial(build, subject.database)),
        lambda _number: rate(events, partial(scan, subject.address)),
        site.scale.rebuilds,
    )


def _against_stock(build: Build, site: Site) -> Measured:
    """The stock library's pace does not change with the number of events, so it reads fewer."""
    bulk = site.bulk()
    subject, events = bulk.subject, bulk.fill(site.scale.events)
    stock = StockReading(site.path())
    stock.fill(bulk.traffic.uses(0, site.scale.stock_events), subject)
    return paired(
        lambda _number: rate(events, partial(build, subject.database)),
        lambda _number: rate(site.scale.stock_events, stock.read),
        site.scale.rebuilds,
    )


def _memory(site: Site, *, on_postgresql: bool = False) -> Measured:
    bulk = site.bulk(on_postgresql=on_postgresql)
    bulk.fill(site.scale.events)
    return Measured(ours=peak_megabytes(bulk.subject.address))


_EVENTS = "rebuild of all tables, 30 days of uses"

COMPARISONS = (
    Comparison(
        "sqlite-rebuild-totals",
        "SQLite: rebuild of the totals of each key, service and caller",
        "a bare scan of the same rows",
        0.25,
        "events/s",
        partial(_against_scan, _TOTALS),
    ),
    Comparison(
        "sqlite-rebuild",
        f"SQLite: {_EVENTS}",
        "a bare scan of the same rows",
        0.1,
        "events/s",
        partial(_against_scan, rebuild),
    ),
    Comparison(
        "sqlite-rebuild-stock",
        f"SQLite: {_EVENTS}",
        "reading and decoding with stock eventsourcing.sqlite",
        6,
        "events/s",
        partial(_against_stock, rebuild),
    ),
    Comparison("sqlite-rebuild-memory", "SQLite: peak memory of that rebuild", "", 300, "MB", _memory),
    Comparison(
        "postgresql-rebuild-totals",
        "PostgreSQL: rebuild of the totals of each key, service and caller",
        "COPY (select ..) TO STDOUT of the same rows",
        0.25,
        "events/s",
        partial(_against_scan, _TOTALS, on_postgresql=True),
        on_postgresql=True,
    ),
    Comparison(
        "postgresql-rebuild",
        f"PostgreSQL: {_EVENTS}",
        "COPY (select ..) TO STDOUT of the same rows",
        0.1,
        "events/s",
        partial(_against_scan, rebuild, on_postgresql=True),
        on_postgresql=True,
    ),
    Comparison(
        "postgresql-rebuild-memory",
        "PostgreSQL: peak memory of that rebuild, the client's",
        "",
        300,
        "MB",
        partial(_memory, on_postgresql=True),
        on_postgresql=True,
    ),
)
