"""Random histories of a few keys: late, repeated, coalesced and out-of-order uses among all else."""

from hypothesis import strategies as st

from ledger.events import KeyKind, KeyState
from ledger.intake import Item
from ledger.observation import Coverage, ExternalKey, Observation, UsageSummary
from ledger.usage import Use
from tests.office import DAY, HOUR, START

OUTSIDE = [
    ExternalKey("aws", "AKIAEXAMPLE0000000A1"),
    ExternalKey("aws", "AKIAEXAMPLE0000000B2", account="111122223333"),
    ExternalKey("aws", "ASIAEXAMPLE0000000C3", KeyKind.TEMPORARY),
    ExternalKey("aws", "arn:aws:iam::111122223333:user/bob/1", account="111122223333", generation="x"),
]
MOMENTS = st.integers(min_value=0, max_value=40 * 24).map(lambda hours: START - 40 * DAY + hours * HOUR)
NAMES = st.sampled_from([None, "bob", "eve"])


@st.composite
def uses(draw: st.DrawFn, keys: st.SearchStrategy[bytes | ExternalKey]) -> Use:
    at = draw(MOMENTS)
    # Mostly one use at one moment, as in life.
    count = draw(st.sampled_from([1, 1, 1, 1, 2, 5]))
    return Use(
        key=draw(keys),
        service=draw(st.sampled_from(["s3", "ec2"])),
        occurred_at=at,
        given_id=draw(st.sampled_from([None, "a", "b", "c"])),
        caller=draw(st.sampled_from([None, "worker", "cron"])),
        reporter=draw(st.sampled_from([None, "gateway"])),
        source_ip=draw(st.sampled_from([None, "192.0.2.1", "192.0.2.2"])),
        count=count,
        error_count=draw(st.integers(0, count)),
        last_at=draw(st.sampled_from([None, None, None, None, at + HOUR, at + 2 * DAY])),
    )


OBSERVATIONS = st.builds(
    Observation,
    key=st.sampled_from(OUTSIDE),
    occurred_at=MOMENTS,
    reporter=st.just("cloudtrail"),
    state=st.sampled_from([None, *KeyState]),
    created_at=st.sampled_from([None, START - 41 * DAY, START - 42 * DAY]),
    owner=NAMES,
    created_by=NAMES,
    name=st.sampled_from([None, "nightly", "weekly"]),
)
SUMMARIES = st.builds(
    UsageSummary,
    key=st.sampled_from(OUTSIDE),
    occurred_at=MOMENTS,
    reporter=st.just("report"),
    covers_from=st.just(START - 50 * DAY),
    covers_to=MOMENTS,
    last_used_at=st.none() | MOMENTS,
)
COVERAGES = st.builds(
    Coverage,
    reporter=st.just("cloudtrail"),
    covers_from=st.just(START - 40 * DAY),
    covers_to=MOMENTS,
    source=st.sampled_from([None, "aws"]),
    account=st.sampled_from([None, "111122223333"]),
)


def outside_items() -> st.SearchStrategy[list[Item]]:
    """What importers tell of keys that were minted elsewhere."""
    of_outside: st.SearchStrategy[bytes | ExternalKey] = st.sampled_from(OUTSIDE)
    return st.lists(st.one_of(uses(of_outside), OBSERVATIONS, SUMMARIES, COVERAGES), max_size=40)
