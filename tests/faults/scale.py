"""How much is tried: a little with every change, much by `make soak`. The code is the same."""

import sys

import msgspec


class Scale(msgspec.Struct, frozen=True):
    """Counts, and seconds of load."""

    writer_kills: int
    server_kills: int
    load_s: float
    storm_batches: int
    decisions: int
    uses_of_one_key: int
    keys_used_once: int
    revocations: int
    http_kills: int
    database_restarts: int
    http_load_s: float


SHORT = Scale(
    writer_kills=6,
    server_kills=2,
    load_s=3,
    storm_batches=6,
    decisions=60,
    uses_of_one_key=30_000,
    keys_used_once=6_000,
    revocations=5,
    http_kills=2,
    database_restarts=2,
    http_load_s=3,
)
LONG = Scale(
    writer_kills=100,
    server_kills=20,
    load_s=60,
    storm_batches=100,
    decisions=2_000,
    uses_of_one_key=1_000_000,
    keys_used_once=200_000,
    revocations=1_000,
    http_kills=50,
    database_restarts=20,
    http_load_s=600,
)

# Hypothesis wants to know while the tests are being collected.
EXAMPLES = 3_000 if "--soak" in sys.argv else 60
