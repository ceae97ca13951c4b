"""Rules about keys that nobody needs, as far as anyone can tell."""

from ledger.moments import MICROSECOND, format_duration, format_moment
from projections.audit import controls
from projections.audit.judging import Need, Scope
from projections.audit.remedy import Action
from projections.audit.rule import Context, Rule, Verdict, verdict
from projections.audit.severity import Severity
from projections.audit.usage_state import UsageState, missing_coverage, silence_of
from projections.key_record import KeyRecord


def _unused(record: KeyRecord, context: Context) -> Verdict | None:
    idle = record.idle(context.as_of)
    if context.usage is not UsageState.UNUSED or record.last_used_at is None or idle is None:
        return None
    if not context.is_live:
        return None
    limit = format_duration(context.policy.unused_for)
    return verdict(
        f"last used {format_moment(record.last_used_at)}, idle for {format_duration(idle)} (limit {limit})",
        *_last_use_positions(record),
    )


def _never_used(record: KeyRecord, context: Context) -> Verdict | None:
    if context.usage is not UsageState.NEVER_USED or not context.is_live:
        return None
    since = record.known_since if record.created_at is None else record.created_at
    age = (context.as_of - since) * MICROSECOND
    if age < context.policy.never_used_grace:
        return None
    began = "became known (creation unknown)" if record.created_at is None else "was created"
    grace = format_duration(context.policy.never_used_grace)
    return verdict(
        f"not used once since it {began} at {format_moment(since)},"
        f" {format_duration(age)} ago (grace {grace})",
        *record.known_positions,
        record.summary_position,
    )


def _no_usage_data(record: KeyRecord, context: Context) -> Verdict | None:
    if context.usage is not UsageState.NO_DATA or not context.is_live:
        return None
    silence = silence_of(record, context.as_of, context.policy)
    return verdict(
        f"nobody can tell whether it is used: {missing_coverage(record, context.as_of, context.policy)}",
        *record.known_positions,
        *_last_use_positions(record),
        record.summary_position,
        *(silence.evidence if silence else ()),
    )


def _last_use_positions(record: KeyRecord) -> tuple[int | None, ...]:
    last = tuple(use.last_position for use in record.uses if use.last_at == record.last_used_at)
    # Where no event is that late, it was a summary that told of the last use.
    return last or (record.summary_position,)


UNUSED_KEY = Rule(
    id="unused-key",
    severity=Severity.MEDIUM,
    title="Unused key",
    meaning="An active key has been used, but not for a long time.",
    reason=(
        "A key that nobody needs is still a key that opens doors, and nobody would notice its theft."
        " Medium: the risk is real but latent, and switching the key off hardly hurts anyone."
    ),
    method=(
        "Idle time counts from the later of last use and creation to the time of the audit, exact to"
        " the second. It is flagged when it reaches the policy's `unused_for` (45d), provided that the"
        " uses of all that time were reported; otherwise `no-usage-data` speaks."
    ),
    resolution="Disable the key, wait until nobody has complained for a while, then revoke or delete it.",
    action=Action.DISABLE,
    controls=(
        controls.CIS_UNUSED,
        controls.NIST_DISABLE_ACCOUNTS,
        controls.PCI_INACTIVE,
        controls.SOC2_REMOVAL,
        controls.ISO_ACCESS_RIGHTS,
        controls.OWASP_OFFBOARDING,
    ),
    check=_unused,
    scope=Scope.LIVE,
    need=Need.LAST_USE,
)

NEVER_USED_KEY = Rule(
    id="never-used-key",
    severity=Severity.MEDIUM,
    title="Never used key",
    meaning="An active key was made, perhaps handed out, and not used once.",
    reason=(
        "Its secret lies somewhere, forgotten: in a mailbox, a notebook, a settings file. Medium: as an"
        " unused key, with even less to lose by ending it."
    ),
    method=(
        "No use is known although every use since the creation was reported. It is flagged when the"
        " policy's `never_used_grace` (7d) since creation is over. Where the creation is unknown, the"
        " key must have been watched since it became known and for the whole of `unused_for`."
    ),
    resolution="Ask its owner whether it is still wanted; if nobody says so, revoke or delete it.",
    action=Action.REVOKE,
    controls=(
        controls.CIS_UNUSED,
        controls.NIST_DISABLE_ACCOUNTS,
        controls.PCI_INACTIVE,
        controls.SOC2_REMOVAL,
        controls.ISO_ACCESS_RIGHTS,
        controls.OWASP_OFFBOARDING,
    ),
    check=_never_used,
    scope=Scope.LIVE,
    need=Need.LAST_USE,
)

NO_USAGE_DATA = Rule(
    id="no-usage-data",
    severity=Severity.LOW,
    title="No usage data",
    meaning="Nobody can tell whether an active key is used, because its uses are not reported throughout.",
    reason=(
        "A silence that nobody listened to is no evidence: the key may be idle, or in somebody else's"
        " hands. Low: it is the audit that lacks something here, not necessarily the key."
    ),
    method=(
        "No use falls within the policy's `unused_for` (45d), and the periods that reporters and"
        " imports vouch for do not cover that time without a gap (for a key never seen used: the time"
        " since its creation). The last `coverage_tolerance` (2d) before the audit may be missing. A key"
        " minted here counts as covered where the policy says `assume_coverage`, unless one of the services"
        " that declare heartbeats for such keys was silent for longer than `coverage_tolerance`:"
        " `keyledger coverage` shows which are."
    ),
    resolution=(
        "Import the source's logs or reports of use, or let the service that checks the key report its"
        " uses. Where the source cannot tell (AWS tracks use since 2015-04-22 only), rotate the key: its"
        " successor is watched from the start."
    ),
    action=Action.REPORT_USE,
    controls=(
        controls.NIST_LOGGING,
        controls.PCI_AUDIT_LOGS,
        controls.SOC2_MONITORING,
        controls.ISO_LOGGING,
    ),
    check=_no_usage_data,
    scope=Scope.LIVE,
)
