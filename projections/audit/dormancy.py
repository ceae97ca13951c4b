"""The rule about keys that nobody used for a long time, and then somebody did."""

from ledger.moments import MICROSECOND, format_duration, format_moment
from projections.audit import controls
from projections.audit.judging import Need, Scope
from projections.audit.measure import Measures
from projections.audit.policy import Policy
from projections.audit.remedy import Action
from projections.audit.rule import Context, Rule, Verdict, callers_of, span, verdict
from projections.audit.severity import Severity
from projections.audit.silence import silence_since
from projections.key_record import KeyRecord
from projections.pause import Pause, Sought


def sought_pauses(policy: Policy, chosen: tuple[Rule, ...] | None, as_of: int) -> Sought | None:
    """The pauses that any key's policy asks for; None where the rule is not asked, or off for all keys.

    `chosen` are the rules that were asked for by name; None where the policy decides.
    """
    asked = Measures(policy, (DORMANT_THEN_ACTIVE,)).rules if chosen is None else chosen
    if DORMANT_THEN_ACTIVE.id not in {rule.id for rule in asked}:
        return None
    policies = [policy, *(policy.overridden(override) for override in policy.overrides)]
    shortest = min(each.dormant_for for each in policies)
    longest_ago = max(each.dormant_within for each in policies)
    return Sought(shortest // MICROSECOND, as_of - longest_ago // MICROSECOND, as_of)


def _dormant(record: KeyRecord, context: Context) -> Verdict | None:
    if not record.pauses or not context.is_live:
        return None
    policy = context.policy
    since = context.as_of - policy.dormant_within // MICROSECOND
    asked = Sought(policy.dormant_for // MICROSECOND, since, context.as_of)
    found = [pause for pause in record.pauses if asked.fits(pause) and _was_watched(record, pause, policy)]
    if not found:
        return None
    pause = max(found, key=lambda each: (each.ended_at, each.lasted))
    after = [use for use in record.uses if use.last_at >= pause.ended_at]
    by_whom = f" by {callers_of(after)}" if after else ""
    limit = format_duration(policy.dormant_for)
    return verdict(
        f"silent for {span(pause.lasted)} (limit {limit}) from {format_moment(pause.began_at)},"
        f" then used again{by_whom} at {format_moment(pause.ended_at)}",
        pause.began_position,
        pause.ended_position,
    )


def _was_watched(record: KeyRecord, pause: Pause, policy: Policy) -> bool:
    """Whether a use in the midst of it would be known; of other sources' keys only such pauses are told."""
    if not record.is_minted_here:
        return True
    if silence_since(record, pause.began_at, pause.ended_at, policy) is not None:
        return False
    covered = any(begin <= pause.began_at and pause.ended_at <= end for begin, end in record.covered)
    return policy.assume_coverage or covered


DORMANT_THEN_ACTIVE = Rule(
    id="dormant-then-active",
    severity=Severity.MEDIUM,
    title="Dormant, then active",
    meaning="An active key that nobody had used for a long time was used again lately.",
    reason=(
        "A secret that was forgotten and found, in a backup or by a thief, is used just so. Medium: a job"
        " that runs once a year looks the same, so somebody has to know which it was."
    ),
    method=(
        "Between two uses that follow each other, or the creation and the first use, the key was silent for"
        " at least the policy's `dormant_for` (90d), and the use that ended this is no older than"
        " `dormant_within` (30d), both exact to the second. The silence counts where every use in it would"
        " have been reported. Of keys whose uses only reports tell, it lasts at least from the last use to"
        " the end of the report."
    ),
    resolution=(
        "Ask the owner whether he knows the caller. If nobody does, treat the secret as stolen: rotate or"
        " revoke the key and look at what was done with it."
    ),
    action=Action.INVESTIGATE,
    controls=(
        controls.NIST_ATYPICAL_USE,
        controls.NIST_MONITORING,
        controls.PCI_ANOMALIES,
        controls.SOC2_MONITORING,
        controls.ISO_MONITORING,
    ),
    check=_dormant,
    scope=Scope.LIVE,
    need=Need.ALL_USES,
)
