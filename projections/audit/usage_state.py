"""Whether a key is used, unused or never used, or whether there is no data to tell."""

from enum import StrEnum

from ledger.moments import MICROSECOND, format_moment
from projections.audit.policy import Policy
from projections.audit.silence import Silence, silence_since, told
from projections.key_record import KeyRecord
from projections.periods import Period, bridged


class UsageState(StrEnum):
    """The four states; exactly one holds for every key at every moment."""

    USED = "used"
    UNUSED = "unused"
    NEVER_USED = "never-used"
    NO_DATA = "no-data"


def usage_state(record: KeyRecord, as_of: int, policy: Policy) -> UsageState:
    """The state at a moment.

    A use within the threshold proves itself. That there was none proves nothing unless every use would have
    been told, so the other verdicts need coverage.
    """
    idle = record.idle(as_of)
    if record.last_used_at is not None and idle is not None and idle < policy.unused_for:
        return UsageState.USED
    if not is_covered(record, as_of, policy):
        return UsageState.NO_DATA
    return UsageState.NEVER_USED if record.last_used_at is None else UsageState.UNUSED


def is_covered(record: KeyRecord, as_of: int, policy: Policy) -> bool:
    """Whether every use since `watched_from` would be known, but for the last hours that are tolerated."""
    if silence_of(record, as_of, policy) is not None:
        return False
    if record.is_minted_here and policy.assume_coverage:
        return True
    start = watched_from(record, as_of, policy)
    return any(begin <= start and end >= _due(as_of, policy) for begin, end in _covered(record, policy))


def silence_of(record: KeyRecord, as_of: int, policy: Policy) -> Silence | None:
    """The silence of a reporter that hides whether a key minted here was used, though others spoke."""
    return silence_since(record, watched_from(record, as_of, policy), as_of, policy)


def watched_from(record: KeyRecord, as_of: int, policy: Policy) -> int:
    """The moment since when every use has to be known for the silence of a key to mean anything.

    A key that has been used must have been silent for the threshold, one that was never seen used since its
    creation. Where creation is unknown, the key may have been in use before anyone told of it: it must have
    been watched both since it became known and for the whole threshold.
    """
    threshold_start = as_of - policy.unused_for // MICROSECOND
    if record.last_used_at is not None:
        return threshold_start
    if record.created_at is not None:
        return record.created_at
    return min(record.known_since, threshold_start)


def missing_coverage(record: KeyRecord, as_of: int, policy: Policy) -> str:
    """Why the uses of a key that is not covered are not known, as the end of a sentence."""
    if silence := silence_of(record, as_of, policy):
        return told(silence, policy)
    covered = _covered(record, policy)
    if not covered:
        return "no reporter vouches that it tells the uses of this key"
    begin, end = covered[-1]
    if end < _due(as_of, policy):
        return f"its uses are reported up to {format_moment(end)} only"
    needed = format_moment(watched_from(record, as_of, policy))
    return f"its uses are reported without a gap from {format_moment(begin)} on only, not from {needed}"


def _covered(record: KeyRecord, policy: Policy) -> tuple[Period, ...]:
    """The periods that speak for a key: heartbeats of a service may pause for as long as is tolerated."""
    if not record.is_minted_here:
        return record.covered
    return bridged(record.covered, policy.coverage_tolerance // MICROSECOND)


def _due(as_of: int, policy: Policy) -> int:
    return as_of - policy.coverage_tolerance // MICROSECOND
