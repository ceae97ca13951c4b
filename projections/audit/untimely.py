"""Rules about uses that cannot be: before there was a key, and after there should have been one."""

from ledger.moments import format_moment
from projections.audit import controls
from projections.audit.judging import Need, Scope
from projections.audit.remedy import Action
from projections.audit.rule import Context, Rule, Verdict, callers_of, span, verdict
from projections.audit.severity import Severity
from projections.key_record import KeyRecord


def _used_before_creation(record: KeyRecord, _context: Context) -> Verdict | None:
    told_at = (at for at in (record.first_used_at, record.summarized_from) if at is not None)
    earliest = min(told_at, default=None)
    if record.created_at is None or earliest is None or earliest >= record.created_at:
        return None
    early = [use for use in record.uses if use.first_at < record.created_at]
    by_whom = f" by {callers_of(early)}" if early else ""
    return verdict(
        f"created {format_moment(record.created_at)}, yet used{by_whom} from"
        f" {format_moment(earliest)}, {span(record.created_at - earliest)} earlier",
        record.created_position,
        *(use.first_position for use in early),
        record.summarized_from_position if record.summarized_from == earliest else None,
    )


def _used_after_revocation(record: KeyRecord, _context: Context) -> Verdict | None:
    if record.revoked_at is None or record.last_used_at is None or record.last_used_at <= record.revoked_at:
        return None
    late = [use for use in record.uses if use.last_at > record.revoked_at]
    by_whom = f" by {callers_of(late)}" if late else ""
    return verdict(
        f"revoked {format_moment(record.revoked_at)}, yet used{by_whom} until"
        f" {format_moment(record.last_used_at)}, {span(record.last_used_at - record.revoked_at)} later",
        record.revoked_position,
        *(use.last_position for use in late),
        # Where no event is that late, it was a summary that told of the last use.
        None if record.last_used_at in {use.last_at for use in late} else record.summary_position,
    )


USED_BEFORE_CREATION = Rule(
    id="used-before-creation",
    severity=Severity.HIGH,
    title="Used before creation",
    meaning="A key was used before the moment at which it is said to have been made.",
    reason=(
        "Both cannot be true: a service's clock is wrong, a report names another key, or the secret was"
        " about before it was registered. High: until it is known which, no date of this key is evidence."
    ),
    method=(
        "The first accepted use is earlier than the creation, by any span, whichever of the two the"
        " ledger learned first. Refused attempts do not count. Of a summary, its first and last use count."
    ),
    resolution=(
        "Compare the clock of the service that reported the use with true time. If it is right, find out"
        " who had the secret before, and rotate the key."
    ),
    action=Action.INVESTIGATE,
    controls=(
        controls.NIST_TIME_STAMPS,
        controls.NIST_REVIEW,
        controls.PCI_CLOCKS,
        controls.SOC2_MONITORING,
        controls.ISO_CLOCKS,
    ),
    check=_used_before_creation,
    need=Need.CREATION,
)

USED_AFTER_REVOCATION = Rule(
    id="used-after-revocation",
    severity=Severity.CRITICAL,
    title="Used after revocation",
    meaning="A revoked key was presented after its revocation, and a service accepted it.",
    reason=(
        "The revocation did not take effect: a service does not ask, remembers too long, or has a wrong"
        " clock. Critical: keys are revoked because they must not work, some because they were stolen."
    ),
    method=(
        "The last accepted use is later than the revocation, by any span, whichever of the two the"
        " ledger learned first. Refused attempts do not count here; `denied-attempts` tells of them."
    ),
    resolution=(
        "Find out which service accepted the key and why, block the key there, and look at what was"
        " done with it since the revocation."
    ),
    action=Action.INVESTIGATE,
    controls=(
        controls.NIST_MONITORING,
        controls.PCI_ANOMALIES,
        controls.SOC2_REMOVAL,
        controls.SOC2_MONITORING,
        controls.ISO_ACCESS_RIGHTS,
        controls.OWASP_OFFBOARDING,
    ),
    check=_used_after_revocation,
    scope=Scope.REVOKED,
    need=Need.ALL_USES,
)
