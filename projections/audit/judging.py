"""What each rule can judge, and what it has to know of a key before its silence means anything."""

from enum import StrEnum
from typing import assert_never

from ledger.events import KeyState
from projections.audit.policy import Policy
from projections.audit.usage_state import UsageState, is_covered, missing_coverage
from projections.key_record import KeyRecord

_WITHOUT_EXPIRY = frozenset({"aws"})


class Scope(StrEnum):
    """The keys that a rule can have anything to say about."""

    ANY = "every key"
    LIVE = "active long-lived keys"
    ROTATED = "rotated keys that are still active"
    REVOKED = "revoked keys"
    NAMED = "active long-lived keys that somebody named"
    ELSEWHERE = "active long-lived keys of other sources"


class Need(StrEnum):
    """What must be known of a key for a rule to pass it."""

    NOTHING = "nothing"
    LAST_USE = "when it was last used"
    ALL_USES = "when it was used"
    CALLERS = "who used it"
    REFUSALS = "who was refused"
    LEAKS = "where its secret was found"
    CREATION = "when it was made"
    EXPIRY = "whether it expires"
    OWNER = "who owns it"


def why_outside(scope: Scope, record: KeyRecord, *, is_live: bool) -> str | None:
    """Why a rule of that scope has nothing to say about a key; None where it has."""
    match scope:
        case Scope.ANY:
            inside = True
        case Scope.LIVE:
            inside = is_live
        case Scope.NAMED:
            inside = is_live and record.name != record.external_id
        case Scope.ELSEWHERE:
            inside = is_live and not record.is_minted_here
        case Scope.ROTATED:
            inside = record.rotated_at is not None and record.state is KeyState.ACTIVE
        case Scope.REVOKED:
            inside = record.revoked_at is not None
        case _:
            assert_never(scope)
    return None if inside else f"asked of {scope} only"


def why_unknown(need: Need, record: KeyRecord, usage: UsageState, as_of: int, policy: Policy) -> str | None:
    """Why what a rule needs is not known of a key; None where it is."""
    match need:
        case Need.NOTHING:
            return None
        case Need.LAST_USE:
            return missing_coverage(record, as_of, policy) if usage is UsageState.NO_DATA else None
        case Need.ALL_USES:
            return _why_uncovered(record, as_of, policy)
        case Need.CALLERS:
            return _why_nameless(record) or _why_uncovered(record, as_of, policy)
        case Need.REFUSALS:
            return None if record.is_minted_here else "the source does not tell whom it refused"
        case Need.LEAKS:
            return None if record.is_minted_here else "a scan knows the secrets of keys minted here only"
        case Need.CREATION:
            return "nobody tells when it was made" if record.created_at is None else None
        case Need.EXPIRY:
            return None if _is_expiry_known(record) else "the source does not tell whether it expires"
        case Need.OWNER:
            return "nobody tells who owns it" if record.owner is None else None
        case _:
            assert_never(need)


def never_expires(record: KeyRecord) -> bool:
    """Whether the source of a long-lived key knows no expiry."""
    return record.source in _WITHOUT_EXPIRY


def _is_expiry_known(record: KeyRecord) -> bool:
    return record.is_minted_here or record.expires_at is not None or never_expires(record)


def _why_nameless(record: KeyRecord) -> str | None:
    if record.use_count is None:
        return "a summary alone tells of its use, and not by whom"
    if record.uses and not record.addresses and all(use.caller is None for use in record.uses):
        return "its uses were reported without callers and without addresses"
    return None


def _why_uncovered(record: KeyRecord, as_of: int, policy: Policy) -> str | None:
    return None if is_covered(record, as_of, policy) else missing_coverage(record, as_of, policy)
