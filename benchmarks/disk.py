"""How many bytes on disk a use takes, its share of the indexes included."""

import sqlite3
from contextlib import closing
from itertools import chain
from pathlib import Path

from benchmarks.comparison import Comparison
from benchmarks.pairing import Measured
from benchmarks.site import Site
from benchmarks.subject import Subject
from benchmarks.traffic import BATCH_SIZE, Traffic

_KEYS = 1_000


def _bytes_per_use(site: Site) -> Measured:
    subject = site.ledger()
    traffic = Traffic(subject.observe(_KEYS))
    count = site.scale.uses_on_disk
    before = _size(subject)
    batches = (traffic.uses(start, BATCH_SIZE) for start in range(0, count, BATCH_SIZE))
    subject.record(chain.from_iterable(batches))
    return Measured(ours=(_size(subject) - before) / count)


def _size(subject: Subject) -> int:
    with closing(sqlite3.connect(subject.address)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(subject.address).stat().st_size


COMPARISONS = (
    Comparison(
        "sqlite-disk", "SQLite: bytes on disk a use, indexes included", "", 200, "bytes", _bytes_per_use
    ),
)
