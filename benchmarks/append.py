"""How fast typed uses are appended, everything included, against prebuilt rows by other ways."""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

from benchmarks.comparison import Comparison
from benchmarks.pairing import Measured, paired, rate
from benchmarks.peer import Peer
from benchmarks.postgresql_limit import PostgresqlLimit
from benchmarks.site import Site
from benchmarks.sqlite_limit import SqliteLimit
from benchmarks.stock import stock_postgresql, stock_sqlalchemy, stock_sqlite
from benchmarks.subject import Subject
from benchmarks.traffic import BATCH_SIZE, Traffic
from ledger.usage import Use

KEYS = 1_000

PeerMaker = Callable[[Site, Subject], Peer]


def _sqlite_limit(site: Site, subject: Subject) -> Peer:
    return SqliteLimit(site.path(), subject)


def _postgresql_limit(_site: Site, subject: Subject) -> Peer:
    return PostgresqlLimit(subject)


def _stock_sqlite(site: Site, subject: Subject) -> Peer:
    return stock_sqlite(subject, site.path())


def _stock_sqlalchemy(site: Site, subject: Subject) -> Peer:
    return stock_sqlalchemy(subject, site.path())


def _stock_postgresql(_site: Site, subject: Subject) -> Peer:
    return stock_postgresql(subject)


def _batches(
    make_peer: PeerMaker,
    site: Site,
    *,
    on_postgresql: bool = False,
    has_given_ids: bool = True,
    has_repeats: bool = False,
) -> Measured:
    """Batches of 1,000; where one of the ledger's is a repeat, the peer stores another in its place."""
    subject = site.ledger(on_postgresql=on_postgresql)
    traffic = Traffic(subject.observe(KEYS), has_given_ids=has_given_ids)
    told = traffic.repeating() if has_repeats else traffic
    count = site.scale.batches * BATCH_SIZE

    def ours(number: int) -> float:
        return rate(count, partial(subject.record, told.uses(number * count, count)))

    with closing(make_peer(site, subject)) as peer:

        def theirs(number: int) -> float:
            return _rate(peer, traffic, number * count, count, BATCH_SIZE)

        return paired(ours, theirs, site.scale.rounds)


def _singles(site: Site) -> Measured:
    subject = site.ledger()
    traffic = Traffic(subject.observe(KEYS))
    count = site.scale.singles

    def ours(number: int) -> float:
        return rate(count, partial(_record_each, subject, traffic.uses(number * count, count)))

    with closing(SqliteLimit(site.path(), subject)) as peer:

        def theirs(number: int) -> float:
            return _rate(peer, traffic, number * count, count, 1)

        return paired(ours, theirs, site.scale.rounds)


def _rate(peer: Peer, traffic: Traffic, first: int, count: int, batch: int) -> float:
    appends = [peer.ready(traffic.uses(start, batch)) for start in range(first, first + count, batch)]
    return rate(count, lambda: [append() for append in appends])


def _record_each(subject: Subject, uses: Sequence[Use]) -> None:
    for use in uses:
        subject.record((use,))


_SQLITE = "SQLite: typed uses in durable batches of 1,000"
_POSTGRESQL = "PostgreSQL: typed uses in durable batches of 1,000, one writer"

COMPARISONS = (
    Comparison(
        "sqlite-append",
        f"{_SQLITE}, each with its reporter's id",
        "sqlite3.executemany of the same prebuilt rows and indexes",
        0.7,
        "uses/s",
        partial(_batches, _sqlite_limit),
    ),
    Comparison(
        "sqlite-append-unnamed",
        f"{_SQLITE}, without ids",
        "sqlite3.executemany of the same prebuilt rows and indexes",
        0.7,
        "uses/s",
        partial(_batches, _sqlite_limit, has_given_ids=False),
    ),
    Comparison(
        "sqlite-append-stock",
        _SQLITE,
        "eventsourcing.sqlite: typed events, its mapper and recorder",
        4,
        "uses/s",
        partial(_batches, _stock_sqlite),
    ),
    Comparison(
        "sqlite-append-sqlalchemy",
        _SQLITE,
        "eventsourcing_sqlalchemy: typed events, its mapper and recorder",
        8,
        "uses/s",
        partial(_batches, _stock_sqlalchemy),
    ),
    Comparison(
        "sqlite-append-one",
        "SQLite: one typed use a batch",
        "single-row commits of raw sqlite3",
        0.6,
        "uses/s",
        _singles,
    ),
    Comparison(
        "postgresql-append",
        f"{_POSTGRESQL}, no duplicates",
        "binary COPY of prebuilt rows into the same table and indexes",
        0.6,
        "uses/s",
        partial(_batches, _postgresql_limit, on_postgresql=True),
        on_postgresql=True,
    ),
    Comparison(
        "postgresql-append-repeats",
        f"{_POSTGRESQL}, one duplicate in each batch",
        "binary COPY of prebuilt rows into the same table and indexes",
        0.3,
        "uses/s",
        partial(_batches, _postgresql_limit, on_postgresql=True, has_repeats=True),
        on_postgresql=True,
    ),
    Comparison(
        "postgresql-append-stock",
        _POSTGRESQL,
        "eventsourcing.postgres: typed events, its mapper and recorder",
        3,
        "uses/s",
        partial(_batches, _stock_postgresql, on_postgresql=True),
        on_postgresql=True,
    ),
)
