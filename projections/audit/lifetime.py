"""Rules about keys that outlive what was meant for them: too old, or rotated half-way."""

from ledger.events import KeyState
from ledger.moments import MICROSECOND, format_duration, format_moment
from projections.audit import controls
from projections.audit.judging import Need, Scope
from projections.audit.remedy import Action
from projections.audit.rule import Context, Rule, Verdict, callers_of, verdict
from projections.audit.severity import Severity
from projections.key_record import CallerUse, Denial, KeyRecord


def _aged(record: KeyRecord, context: Context) -> Verdict | None:
    since = record.known_since if record.created_at is None else record.created_at
    age = (context.as_of - since) * MICROSECOND
    if age < context.policy.max_age or not context.is_live:
        return None
    how_old = f"{format_duration(age)} old (limit {format_duration(context.policy.max_age)})"
    if record.created_at is None:
        message = f"known since {format_moment(since)} (creation unknown), so at least {how_old}"
    else:
        message = f"created {format_moment(since)}, {how_old}"
    return verdict(message, *record.known_positions)


def _rotation_unfinished(record: KeyRecord, context: Context) -> Verdict | None:
    if record.rotated_at is None or record.state is not KeyState.ACTIVE:
        return None
    parts = [f"rotated {format_moment(record.rotated_at)}"]
    over = record.overlap_ends_at is not None and record.overlap_ends_at <= context.as_of
    if record.overlap_ends_at is not None:
        ends = format_moment(record.overlap_ends_at)
        parts.append(f"overlap ended {ends} without a revocation" if over else f"overlap ends {ends}")
    presented: tuple[CallerUse | Denial, ...] = (*record.uses, *record.denials)
    late = [use for use in presented if use.last_at > record.rotated_at]
    positions: list[int | None] = [use.last_position for use in late]
    if late:
        latest = format_moment(max(use.last_at for use in late))
        parts.append(f"still presented by {callers_of(late)}, last at {latest}")
    elif record.last_used_at is not None and record.last_used_at > record.rotated_at:
        parts.append(f"still used, last at {format_moment(record.last_used_at)}")
        positions.append(record.summary_position)
    elif not over:
        return None
    return verdict("; ".join(parts), record.rotated_position, *positions)


AGED_KEY = Rule(
    id="aged-key",
    severity=Severity.MEDIUM,
    title="Aged key",
    meaning="An active key has had the same secret for too long.",
    reason=(
        "The longer a secret lives, the more copies of it exist: in backups, logs, laptops and the"
        " memory of those who left. Medium: nothing shows misuse, but whoever holds a copy can still use"
        " it."
    ),
    method=(
        "Age counts from creation to the time of the audit, exact to the second, and is flagged when it"
        " reaches the policy's `max_age` (90d). Where the creation is unknown, it counts from the moment"
        " when the key became known: the key is at least that old."
    ),
    resolution="Rotate it: make a successor, move its callers over, then revoke the old key.",
    action=Action.ROTATE,
    controls=(
        controls.CIS_ROTATION,
        controls.NIST_AUTHENTICATORS,
        controls.NIST_CRYPTOPERIODS,
        controls.PCI_SYSTEM_CREDENTIALS,
        controls.SOC2_LOGICAL_ACCESS,
        controls.ISO_AUTHENTICATION,
        controls.OWASP_LONG_LIVED,
        controls.ASVS_EXPIRY,
    ),
    check=_aged,
    scope=Scope.LIVE,
)

ROTATION_UNFINISHED = Rule(
    id="rotation-unfinished",
    severity=Severity.MEDIUM,
    title="Rotation unfinished",
    meaning=(
        "A key has a successor but is not gone: somebody still presents it, or nobody revoked it at the end."
    ),
    reason=(
        "Until the old key is revoked, the rotation has protected nothing, and whoever still presents"
        " it fails when the overlap ends. Medium: a process to be brought to its end, with names to ask."
    ),
    method=(
        "The key was rotated, is neither revoked nor disabled, and either its overlap is over at the"
        " time of the audit, or it was presented after the rotation, accepted or not. The finding says"
        " by whom."
    ),
    resolution="Move the callers that it names to the successor, then revoke the old key.",
    action=Action.REVOKE,
    controls=(
        controls.CIS_ONE_ACTIVE_KEY,
        controls.NIST_AUTHENTICATORS,
        controls.PCI_SYSTEM_CREDENTIALS,
        controls.SOC2_LOGICAL_ACCESS,
        controls.ISO_AUTHENTICATION,
        controls.OWASP_LONG_LIVED,
    ),
    check=_rotation_unfinished,
    scope=Scope.ROTATED,
    need=Need.ALL_USES,
)
