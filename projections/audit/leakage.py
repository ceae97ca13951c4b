"""The rule about keys whose secret was found where it should not be."""

from ledger.moments import format_moment
from projections.audit import controls
from projections.audit.judging import Need, Scope
from projections.audit.remedy import Action
from projections.audit.rule import Context, Rule, Verdict, listed, verdict
from projections.audit.severity import Severity
from projections.key_record import KeyRecord


def _leaked(record: KeyRecord, context: Context) -> Verdict | None:
    leaks = record.marks.leaks
    if not leaks or not context.is_live:
        return None
    places = "in" if len(leaks) == 1 else f"in {len(leaks)} places:"
    first = format_moment(min(leak.reported_at for leak in leaks))
    return verdict(
        f"its secret was found {places} {listed(leak.place for leak in leaks)}; first reported {first}",
        *(leak.position for leak in leaks),
    )


LEAKED_KEY = Rule(
    id="leaked-key",
    severity=Severity.CRITICAL,
    title="Leaked key",
    meaning="The secret of a key that still works was found where others can read it.",
    reason=(
        "Whoever has read that file, log or commit can act as the key's owner, and a deleted line lives on"
        " in copies and in the history. Critical: nothing but the end of the key makes it harmless."
    ),
    method=(
        "`keyledger scan` recorded at least one place where the secret was found, and the key is active at"
        " the time of the audit; during the overlap of a rotation it is. Each rotation makes a key with a"
        " secret and an id of its own, so what was reported before says nothing of the successor. Where"
        " nobody scans, nothing is found."
    ),
    resolution=(
        "Rotate the key with a short overlap, or revoke it at once where nobody would miss it; look at who"
        " used it since it leaked; then take the secret out of the places that the finding names."
    ),
    action=Action.REVOKE,
    controls=(
        controls.NIST_AUTHENTICATORS,
        controls.NIST_MONITORING,
        controls.PCI_HARD_CODED,
        controls.SOC2_LOGICAL_ACCESS,
        controls.ISO_AUTHENTICATION,
        controls.ISO_LEAKAGE,
        controls.OWASP_LEAKAGE,
    ),
    check=_leaked,
    scope=Scope.LIVE,
    need=Need.LEAKS,
)
