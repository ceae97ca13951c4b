"""A report with findings of every severity, with names that try to break out of every format."""

from ledger.events import KeyKind, KeyState
from projections.audit.report import AuditReport, AuditScope, audit
from projections.key_record import KeyRecord
from tests.projections.audit.records import (
    DAY,
    HOUR,
    NOW,
    address,
    aws,
    denied,
    minted,
    never_used,
    revoked,
    rotated,
    unused_since,
    use,
)

SCOPE = AuditScope(organization="acme", as_of=NOW, position=1234, tool_version="0.1.0")

RECORDS: tuple[KeyRecord, ...] = (
    minted(name="github-actions-prod"),
    unused_since(NOW - 52 * DAY - 3 * HOUR, name="reporting-nightly", created_at=NOW - 200 * DAY),
    never_used(name="test", created_at=NOW - 30 * DAY),
    revoked(NOW - DAY + HOUR, name="old-deploy", denials=(denied(NOW - HOUR, count=12, position=99),)),
    rotated(
        name="billing-sync", overlap_ends_at=NOW - DAY, uses=(use("cron", NOW - 36 * HOUR, position=42),)
    ),
    minted(name="shared-by-two-teams", uses=(use("alpha", NOW), use("beta", NOW, position=77))),
    minted(name="switched-off", state=KeyState.DISABLED, created_at=NOW - 400 * DAY),
    aws(covered=()),
    aws(external_id="AKIAI44QH8DHBEXAMPLE", last_used_at=NOW - 60 * DAY, created_at=NOW - 80 * DAY),
    aws(external_id="ASIAIOSFODNN7EXAMPLE", kind=KeyKind.TEMPORARY, covered=()),
    minted(name='=HYPERLINK("http://evil.example","x")', created_at=NOW - 91 * DAY),
    minted(name="a|b `c` <script>alert(1)</script>\n# [x](y) \x1b[31m", created_at=NOW - 91 * DAY),
    minted(name="no-caller-known", uses=(), addresses=tuple(address(f"192.0.2.{n}", NOW) for n in range(9))),
)


def sample() -> AuditReport:
    return audit(SCOPE, RECORDS)
