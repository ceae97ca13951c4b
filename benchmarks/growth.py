"""Whether appends stay fast as the ledger grows."""

from functools import partial

from benchmarks.comparison import Comparison
from benchmarks.pairing import Measured, paired, rate
from benchmarks.site import Site
from benchmarks.subject import Subject
from benchmarks.traffic import BATCH_SIZE, Traffic


def _growth(site: Site, *, on_postgresql: bool = False) -> Measured:
    """Both know the same number of keys, and one holds events."""
    bulk = site.bulk(on_postgresql=on_postgresql)
    stored = bulk.fill(site.scale.stored)
    empty = site.ledger(on_postgresql=on_postgresql)
    fresh = Traffic(empty.observe(len(bulk.traffic.key_ids)), spacing_us=bulk.traffic.spacing_us)
    late = Traffic(bulk.traffic.key_ids, spacing_us=bulk.traffic.spacing_us)
    count = site.scale.batches * BATCH_SIZE

    def recorded(subject: Subject, traffic: Traffic, number: int) -> float:
        return rate(count, partial(subject.record, traffic.uses(stored + number * count, count)))

    return paired(partial(recorded, bulk.subject, late), partial(recorded, empty, fresh), site.scale.rounds)


COMPARISONS = (
    Comparison(
        "sqlite-growth",
        "SQLite: typed uses in batches of 1,000 into a large ledger",
        "the same into an empty one",
        0.7,
        "uses/s",
        _growth,
    ),
    Comparison(
        "postgresql-growth",
        "PostgreSQL: typed uses in batches of 1,000 into a large ledger",
        "the same into an empty one",
        0.7,
        "uses/s",
        partial(_growth, on_postgresql=True),
        on_postgresql=True,
    ),
)
