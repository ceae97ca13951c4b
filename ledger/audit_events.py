"""Domain events of the audit: what was accepted, confirmed, warned of, found, reported, not awaited any more.

They follow the conventions of `ledger.events`. None of them belongs to the life of a key: whatever they say,
a key is accepted or refused as before.
"""

from enum import StrEnum

from ledger.events import Event, OwnerDetails


class RemediationStep(StrEnum):
    """What a remediation plan does to a key, one after the other."""

    WARN = "warn"
    DISABLE = "disable"
    REVOKE = "revoke"


class FindingWaived(Event, frozen=True, array_like=True):
    """Stream: the waivers of one rule's finding on one key. Who answers for it is as a key's owner is."""

    topic = "finding-waived/1"

    key_id: bytes
    rule: str
    reason: str
    expires_at: int
    owner_id: bytes | None = None
    personal: OwnerDetails | None = None
    on_behalf_of_id: bytes | None = None


class WaiverWithdrawn(Event, frozen=True, array_like=True):
    """Stream: the waivers of one rule's finding on one key."""

    topic = "waiver-withdrawn/1"

    key_id: bytes
    rule: str
    reason: str | None = None
    on_behalf_of_id: bytes | None = None


class KeyLeakReported(Event, frozen=True, array_like=True):
    """One stream per key and place: the secret of the key was found where it should not be."""

    topic = "key-leak-reported/1"

    key_id: bytes
    place: str


class KeyConfirmed(Event, frozen=True, array_like=True):
    """Its own stream: somebody answers for the key being needed still."""

    topic = "key-confirmed/1"

    key_id: bytes
    reason: str | None = None


class KeyWarned(Event, frozen=True, array_like=True):
    """One stream per remediation plan, key and rule: the key's end was announced, nothing was done yet."""

    topic = "key-warned/1"

    key_id: bytes
    plan_id: bytes
    rule: str


class RemediationStepped(Event, frozen=True, array_like=True):
    """Stream: the steps of one plan on one key. What a step did stands beside it, in the same append.

    That is a KeyWarned for each rule, a KeyDisabled or a KeyRevoked. `plan_sha256` is the digest of the file
    that was applied: a plan may be edited between two steps, which its id outlives.
    """

    topic = "remediation-stepped/1"

    key_id: bytes
    plan_id: bytes
    plan_sha256: bytes
    step: RemediationStep
    rules: tuple[str, ...]


class ReporterRetired(Event, frozen=True, array_like=True):
    """Its own stream: nothing more is expected of a reporter, until it declares coverage again."""

    topic = "reporter-retired/1"

    reporter: str
    reason: str | None = None


class AuditCompleted(Event, frozen=True, array_like=True):
    """Its own stream, the run: all that deriving the report again takes, and what it said.

    `policy` is its canonical JSON, `rules` are the ids that were asked, `report_sha256` is the digest of the
    report without the tool's version. `open_findings` holds the ids of the open findings, 8 bytes each, in
    order. It occurs when it is recorded, whatever moment it judged.
    """

    topic = "audit-completed/1"

    judged_at: int
    position: int
    policy: str
    rules_version: str
    tool_version: str
    rules: tuple[str, ...]
    report_sha256: bytes
    keys: int
    findings: int
    waived: int
    open_findings: bytes
    include_temporary: bool = False
    on_behalf_of_id: bytes | None = None
