"""Rules about keys that nobody answers for: their owner is gone, or nobody has them on his books."""

from ledger.moments import format_moment
from projections.audit import controls
from projections.audit.judging import Need, Scope
from projections.audit.remedy import Action
from projections.audit.rule import Context, Rule, Verdict, callers_of, verdict
from projections.audit.severity import Severity
from projections.key_record import KeyRecord


def _departed_owner(record: KeyRecord, context: Context) -> Verdict | None:
    if record.owner_departed_at is None or not context.is_live:
        return None
    return verdict(
        f"its owner {record.owner} is no longer a member since {format_moment(record.owner_departed_at)}",
        record.owner_position,
        record.owner_departed_position,
    )


def _unregistered(record: KeyRecord, context: Context) -> Verdict | None:
    if record.is_minted_here or record.inventory_position is not None or not context.is_live:
        return None
    # The last event of each caller shows the key at work, the first that it is no newcomer.
    first = [use.first_position for use in record.uses if use.first_at == record.first_used_at]
    last = [use.last_position for use in record.uses if use.last_at == record.last_used_at]
    used = f"; used by {callers_of(record.uses)}" if record.uses else ""
    return verdict(
        f"known since {format_moment(record.known_since)} from logs alone, in no inventory of"
        f" {record.source}{used}",
        *record.known_positions,
        *first,
        *last,
    )


DEPARTED_OWNER = Rule(
    id="departed-owner",
    severity=Severity.HIGH,
    title="Departed owner",
    meaning="The owner of an active key is no longer a member of the organization.",
    reason=(
        "Nobody answers for the key any more, and whoever left may have its secret still. High: who left"
        " in anger is the classic intruder, and nobody else would notice."
    ),
    method=(
        "The owner was a member, by his id or by his address, and was removed; who was added again under"
        " the same address is a member. Owners who never were members, such as teams, are not judged."
    ),
    resolution=(
        "Give the key an owner who is there. Rotate it if the former one could read its secret; revoke it"
        " if it served him alone."
    ),
    action=Action.REASSIGN,
    controls=(
        controls.NIST_TERMINATION,
        controls.PCI_TERMINATED,
        controls.SOC2_REMOVAL,
        controls.ISO_AFTER_EMPLOYMENT,
        controls.ISO_ACCESS_RIGHTS,
        controls.OWASP_OFFBOARDING,
    ),
    check=_departed_owner,
    scope=Scope.LIVE,
    need=Need.OWNER,
)

UNREGISTERED_KEY = Rule(
    id="unregistered-key",
    severity=Severity.MEDIUM,
    title="Unregistered key",
    meaning="Logs tell of an active key that no inventory lists and that was not minted here.",
    reason=(
        "What is on nobody's list is rotated, reviewed and ended by nobody; an intruder's own key looks"
        " just so. Medium: most are newer than the last inventory, and the next one will list them."
    ),
    method=(
        "Everything that is known of the key comes from logs and reported uses: no imported list of its"
        " source (a credential report, an answer of ListAccessKeys) has named it, under this or a linked"
        " name. A credential report names no ids; `import iam-access-keys` tells which key is in a slot."
    ),
    resolution=(
        "Import a current inventory of its source. If the key is not in it either, find out who made it,"
        " and deactivate it there."
    ),
    action=Action.INVESTIGATE,
    controls=(
        controls.NIST_ACCOUNTS,
        controls.PCI_SYSTEM_ACCOUNTS,
        controls.SOC2_LOGICAL_ACCESS,
        controls.ISO_INVENTORY,
    ),
    check=_unregistered,
    scope=Scope.ELSEWHERE,
)
