"""The end of a reporter's duty: it is not silent but gone, and nothing more is expected of it."""

from ledger import ids
from ledger.actor import Actor, Stamp, require_admin
from ledger.api_key import validate_reason
from ledger.audit_events import ReporterRetired
from ledger.coverage import check_reporter
from ledger.ledger import Ledger
from ledger.organization import Organization
from ledger.streams import Decision, Streams


def retire_reporter(
    ledger: Ledger, org: Organization, actor: Actor, reporter: str, reason: str | None = None
) -> None:
    """Expect nothing more of a reporter; should it declare coverage again, it is expected to go on."""
    require_admin(actor, "retire reporters")
    check_reporter(reporter)
    header = Stamp(org.id, actor, ledger.clock()).header()
    event = ReporterRetired(*header, reporter=reporter, reason=validate_reason(reason))
    Streams(ledger.recorder).append([Decision(ids.random_id(ledger.random_bytes), 1, event)])
