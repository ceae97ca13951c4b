"""The rule about keys that nobody has answered for lately."""

from ledger.moments import MICROSECOND, format_duration, format_moment
from projections.audit import controls
from projections.audit.judging import Scope
from projections.audit.remedy import Action
from projections.audit.rule import Context, Rule, Verdict, verdict
from projections.audit.severity import Severity
from projections.key_record import KeyRecord


def _unconfirmed(record: KeyRecord, context: Context) -> Verdict | None:
    if not context.is_live:
        return None
    begun = record.known_since if record.created_at is None else record.created_at
    confirmed = record.marks.confirmed_at
    since = begun if confirmed is None else max(begun, confirmed)
    elapsed = (context.as_of - since) * MICROSECOND
    if elapsed < context.policy.confirm_within:
        return None
    ago = f"{format_duration(elapsed)} ago (limit {format_duration(context.policy.confirm_within)})"
    if confirmed is not None:
        return verdict(f"last confirmed {format_moment(confirmed)}, {ago}", record.marks.confirmed_position)
    came = "became known (creation unknown)" if record.created_at is None else "was created"
    message = f"not confirmed by its owner since it {came} at {format_moment(since)}, {ago}"
    return verdict(message, *record.known_positions)


UNCONFIRMED_KEY = Rule(
    id="unconfirmed-key",
    severity=Severity.LOW,
    title="Unconfirmed key",
    meaning="Nobody has said for a long time that an active key is needed still.",
    reason=(
        "A key is forgotten while everything goes on as before: its owner changes teams, its purpose ends,"
        " and it stays in use by habit. Low: nothing is known to be wrong, but nobody answers for it either."
    ),
    method=(
        "The time since the later of creation and last confirmation (`keyledger key confirm`, by the owner or"
        " an admin) reaches the policy's `confirm_within` (365d), exact to the second. Where the creation is"
        " unknown, it counts from the moment when the key became known. Off by default."
    ),
    resolution="Ask its owner, who confirms it, or revokes it where it is needed no more.",
    action=Action.CONFIRM,
    controls=(
        controls.NIST_ACCOUNTS,
        controls.PCI_ACCESS_REVIEW,
        controls.SOC2_REMOVAL,
        controls.ISO_ACCESS_RIGHTS,
        controls.OWASP_OFFBOARDING,
    ),
    check=_unconfirmed,
    scope=Scope.LIVE,
    default_on=False,
)
