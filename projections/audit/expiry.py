"""Rules about the end that a key was given: too near for those who use it, or none at all."""

from ledger.moments import MICROSECOND, format_duration, format_moment
from projections.audit import controls
from projections.audit.judging import Need, Scope, never_expires
from projections.audit.remedy import Action
from projections.audit.rule import Context, Rule, Verdict, callers_of, verdict
from projections.audit.severity import Severity
from projections.key_record import KeyRecord


def _expiring_soon(record: KeyRecord, context: Context) -> Verdict | None:
    # A key that was rotated is meant to end; `rotation-unfinished` tells who still uses it.
    if record.expires_at is None or record.rotated_at is not None or not context.is_live:
        return None
    left = (record.expires_at - context.as_of) * MICROSECOND
    if left > context.policy.expiring_within:
        return None
    used = f"; used by {callers_of(record.uses)}" if record.uses else ""
    return verdict(
        f"expires {format_moment(record.expires_at)}, in {format_duration(left)}"
        f" (limit {format_duration(context.policy.expiring_within)}){used}",
        record.expiry_position,
    )


def _no_expiry(record: KeyRecord, context: Context) -> Verdict | None:
    if record.expires_at is not None or record.rotated_at is not None or not context.is_live:
        return None
    if record.is_minted_here:
        return verdict("it never expires", record.expiry_position)
    if never_expires(record):
        return verdict(f"keys of {record.source} never expire", *record.known_positions)
    return None


EXPIRING_SOON = Rule(
    id="expiring-soon",
    severity=Severity.LOW,
    title="Expiring soon",
    meaning="An active key is about to expire and has no successor.",
    reason=(
        "Whoever uses it fails at that moment, at night or in the middle of a sale, and what is then done"
        " in a hurry is seldom safe. Low: nothing is open that should be shut."
    ),
    method=(
        "The expiry lies no further ahead than the policy's `expiring_within` (14d), exact to the second."
        " A key that was rotated already is left alone: its successor is there."
    ),
    resolution="Rotate the key and move its callers to the successor before the expiry, or let it end.",
    action=Action.ROTATE,
    controls=(controls.NIST_CRYPTOPERIODS, controls.ISO_AUTHENTICATION),
    check=_expiring_soon,
    scope=Scope.LIVE,
    need=Need.EXPIRY,
)

NO_EXPIRY = Rule(
    id="no-expiry",
    severity=Severity.LOW,
    title="No expiry",
    meaning="An active key has no expiry: it is good until somebody ends it.",
    reason=(
        "A copy of its secret that was lost years ago still opens doors. Low: it is a way to make keys"
        " that not every organization can afford, and `aged-key` watches over the age itself."
    ),
    method=(
        "The key was minted here without an expiry, or belongs to a source whose keys cannot have any"
        " (AWS). A key that was rotated ends with its overlap and is left alone."
    ),
    resolution=(
        "Give the key an expiry and rotate it in time. Where a source knows none, use what ends by itself:"
        " roles and temporary credentials."
    ),
    action=Action.LIMIT,
    controls=(
        controls.NIST_AUTHENTICATORS,
        controls.NIST_CRYPTOPERIODS,
        controls.ISO_AUTHENTICATION,
        controls.OWASP_LONG_LIVED,
        controls.ASVS_EXPIRY,
    ),
    check=_no_expiry,
    scope=Scope.LIVE,
    need=Need.EXPIRY,
    default_on=False,
)
