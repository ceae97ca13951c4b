"""How much each comparison does."""

import msgspec


class Scale(msgspec.Struct, frozen=True):
    """Sizes of one run; rebuilds read `events` of `keys` over 30 days."""

    name: str
    rounds: int
    batches: int
    singles: int
    checks: int
    minted_keys: int
    writer_batches: int
    writer_rounds: int
    uses_on_disk: int
    events: int
    keys: int
    rebuilds: int
    audited_keys: int
    audits: int
    stock_events: int
    stored: int
    load_s: float
    load_rounds: int


FULL = Scale(
    name="full",
    rounds=11,
    batches=50,
    singles=500,
    checks=20_000,
    minted_keys=1_000,
    writer_batches=40,
    writer_rounds=5,
    uses_on_disk=1_000_000,
    events=10_000_000,
    keys=100_000,
    rebuilds=3,
    audited_keys=100_000,
    audits=3,
    stock_events=500_000,
    stored=20_000_000,
    load_s=5,
    load_rounds=3,
)
SMALL = Scale(
    name="small",
    rounds=5,
    batches=10,
    singles=100,
    checks=5_000,
    minted_keys=100,
    writer_batches=5,
    writer_rounds=2,
    uses_on_disk=50_000,
    events=100_000,
    keys=1_000,
    rebuilds=3,
    audited_keys=3_000,
    audits=3,
    stock_events=20_000,
    stored=200_000,
    load_s=2,
    load_rounds=3,
)
QUICK = Scale(
    name="quick",
    rounds=3,
    batches=5,
    singles=50,
    checks=2_000,
    minted_keys=50,
    writer_batches=3,
    writer_rounds=1,
    uses_on_disk=20_000,
    events=50_000,
    keys=500,
    rebuilds=1,
    audited_keys=1_000,
    audits=1,
    stock_events=10_000,
    stored=100_000,
    load_s=1,
    load_rounds=1,
)
