"""Rules about who presents a key: callers of dead keys, and keys that several callers share."""

from ipaddress import ip_address

from ledger.moments import MICROSECOND, format_duration, format_moment
from projections.audit import controls
from projections.audit.judging import Need, Scope
from projections.audit.remedy import Action
from projections.audit.rule import Context, Rule, Verdict, callers_of, listed, verdict
from projections.audit.severity import Severity
from projections.key_record import AddressUse, KeyRecord


def _denied_attempts(record: KeyRecord, context: Context) -> Verdict | None:
    since = context.as_of - context.policy.denied_within // MICROSECOND
    recent = [denied for denied in record.denials if denied.last_at >= since]
    count = sum(denied.count for denied in recent)
    if not recent or count < context.policy.denied_attempts:
        return None
    reasons = listed(denied.reason for denied in recent)
    latest = format_moment(max(denied.last_at for denied in recent))
    times = "once" if count == 1 else f"{count} times"
    return verdict(
        f"presented {times} by {callers_of(recent)} while {reasons}, last at {latest}",
        *(denied.last_position for denied in recent),
    )


def _shared(record: KeyRecord, context: Context) -> Verdict | None:
    if not context.is_live:
        return None
    since = context.as_of - context.policy.shared_within // MICROSECOND
    known = [use for use in record.uses if use.caller is not None and use.last_at >= since]
    callers = {use.caller for use in known if use.caller is not None}
    if len(callers) >= context.policy.shared_callers:
        return verdict(
            f"{len(callers)} callers within {_within(context)}: {listed(callers)}",
            *(use.last_position for use in known),
        )
    if callers or len(record.addresses) < context.policy.shared_addresses:
        return None
    recent = [use for use in record.addresses if use.last_at >= since and _is_address(use)]
    addresses = {use.source_ip for use in recent}
    if len(addresses) < context.policy.shared_addresses:
        return None
    return verdict(
        f"{len(addresses)} addresses within {_within(context)} (callers unknown): {listed(addresses)}",
        *(use.last_position for use in recent),
    )


def _within(context: Context) -> str:
    return format_duration(context.policy.shared_within)


def _is_address(use: AddressUse) -> bool:
    # In the address's place, a log may name a service that acted for the caller.
    try:
        ip_address(use.source_ip)
    except ValueError:
        return False
    return True


DENIED_ATTEMPTS = Rule(
    id="denied-attempts",
    severity=Severity.HIGH,
    title="Denied attempts",
    meaning=(
        "A key that is revoked, disabled, expired or rotated away is still being presented, and refused."
    ),
    reason=(
        "Either a workload was forgotten and fails right now, or somebody tries a secret that he should"
        " not have. High: the lock holds, but somebody has to look at who is at the door."
    ),
    method=(
        "At least the policy's `denied_attempts` (1) refusals of callers whose last attempt is no older"
        " than `denied_within` (30d). Such a caller's earlier attempts of the same kind count too."
    ),
    resolution=(
        "Find the caller: give a forgotten workload the successor or a key of its own; treat an unknown"
        " caller as a holder of a stolen secret."
    ),
    action=Action.INVESTIGATE,
    controls=(
        controls.NIST_REVIEW,
        controls.NIST_MONITORING,
        controls.PCI_ANOMALIES,
        controls.SOC2_MONITORING,
        controls.ISO_MONITORING,
    ),
    check=_denied_attempts,
    need=Need.REFUSALS,
)

SHARED_KEY = Rule(
    id="shared-key",
    severity=Severity.MEDIUM,
    title="Shared key",
    meaning="Several callers use one active key.",
    reason=(
        "Nobody can say who did what with it, and it cannot be ended for one caller without ending it"
        " for all. Medium: it weakens every other measure, but opens nothing by itself."
    ),
    method=(
        "At least the policy's `shared_callers` (2) callers used the key within `shared_within` (30d)."
        " Where no caller is known, at least `shared_addresses` (5) network addresses did; the threshold"
        " is higher, because one workload may well have several addresses."
    ),
    resolution="Make a key for each caller, hand them over one by one, then revoke the shared key.",
    action=Action.SPLIT,
    controls=(
        controls.NIST_SHARED_ACCOUNTS,
        controls.PCI_SHARED_IDS,
        controls.SOC2_LOGICAL_ACCESS,
        controls.ISO_IDENTITIES,
        controls.OWASP_REUSE,
    ),
    check=_shared,
    scope=Scope.LIVE,
    need=Need.CALLERS,
)
