"""Eight writers at once and a reader that follows them, with the ledger's order and without any."""

from collections.abc import Sequence
from functools import partial
from statistics import median

from benchmarks.comparison import Comparison
from benchmarks.crew import Crew, Task, Way
from benchmarks.errors import NotMeasured
from benchmarks.pairing import Measured, paired
from benchmarks.postgresql_limit import connected
from benchmarks.site import Site
from benchmarks.traffic import BATCH_SIZE

WRITERS = 8
KEYS = 1_000

_MAKE_UNORDERED = (
    "CREATE TABLE unordered (LIKE events INCLUDING ALL)",
    "INSERT INTO unordered SELECT * FROM events",
    "CREATE SEQUENCE unordered_positions",
    "SELECT setval('unordered_positions', (SELECT max(position) FROM events))",
    "ALTER TABLE unordered ALTER position SET DEFAULT nextval('unordered_positions')",
)


def _writers(peers: Way, site: Site) -> Measured:
    subject = site.ledger(on_postgresql=True)
    key_ids = subject.observe(KEYS)
    with connected(subject.address) as connection:
        for statement in _MAKE_UNORDERED:
            connection.execute(statement)
    batches = site.scale.writer_batches
    stored = WRITERS * batches * BATCH_SIZE
    missed: list[int] = []
    with Crew(subject.address, key_ids, WRITERS) as crew:

        def ours(number: int) -> float:
            run = crew.run(Task(Way.LEDGER, number * batches, batches))
            if run.seen != stored:
                raise NotMeasured(
                    f"the reader saw {run.seen} of {stored} events, so the ledger's order is broken"
                )
            return stored / run.seconds

        def theirs(number: int) -> float:
            run = crew.run(Task(peers, number * batches, batches))
            missed.append(stored - run.seen)
            return stored / run.seconds

        measured = paired(ours, theirs, site.scale.writer_rounds)
    return measured.noting(f"the peer's reader missed {_share(missed, stored)}, the ledger's none")


def _share(missed: Sequence[int], stored: int) -> str:
    return f"{median(missed):,.0f} of {stored:,}"


_WHAT = "PostgreSQL: 8 writers, batches of 1,000, and a tailing reader"

COMPARISONS = (
    Comparison(
        "postgresql-writers",
        _WHAT,
        "the same without any ordering: typed uses, binary COPY, positions from a sequence",
        0.6,
        "uses/s",
        partial(_writers, Way.ENCODED),
        on_postgresql=True,
    ),
    Comparison(
        "postgresql-writers-prebuilt",
        _WHAT,
        "prebuilt rows without any ordering: binary COPY, positions from a sequence",
        # Not the same work: who stores prebuilt rows leaves the cores to the server.
        0.6,
        "uses/s",
        partial(_writers, Way.PREBUILT),
        on_postgresql=True,
    ),
)
