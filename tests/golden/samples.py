"""One event of each kind with every field set, and one with only those that a caller must give."""

import msgspec

from ledger.audit_events import (
    AuditCompleted,
    FindingWaived,
    KeyConfirmed,
    KeyLeakReported,
    KeyWarned,
    RemediationStep,
    RemediationStepped,
    ReporterRetired,
    WaiverWithdrawn,
)
from ledger.events import (
    Authentication,
    CoverageReported,
    DenialReason,
    Event,
    KeyCreated,
    KeyDisabled,
    KeyEnabled,
    KeyExpiryChanged,
    KeyKind,
    KeyLinked,
    KeyObserved,
    KeyOwnerChanged,
    KeyRenamed,
    KeyRevoked,
    KeyRotated,
    KeyScopesChanged,
    KeyState,
    KeyUsageSummarized,
    KeyUsed,
    KeyUseDenied,
    MemberAdded,
    MemberDetails,
    MemberRemoved,
    MemberRoleChanged,
    ObservedDetails,
    OrganizationCreated,
    OwnerDetails,
    Role,
    UseDetails,
)

ORGANIZATION = bytes(range(0x10, 0x20))
ACTOR = bytes(range(0x20, 0x30))
MEMBER = bytes(range(0x30, 0x40))
KEY = bytes(range(0x40, 0x50))
OTHER_KEY = bytes(range(0x50, 0x60))
FINGERPRINT = bytes(range(0x80, 0xA0))

# 2024-05-31T12:00:00.123456Z and what surrounds it.
AT = 1_717_156_800_123_456
RECORDED_AT = AT + 4_000_000
LATER = AT + 60_000_000
EARLIER = AT - 86_400_000_000

FULL_HEADER = (AT, RECORDED_AT, ORGANIZATION, ACTOR, Authentication.SESSION)
BARE_HEADER = (AT, RECORDED_AT, ORGANIZATION, None, Authentication.CLAIMED)

FULL: tuple[Event, ...] = (
    OrganizationCreated(*FULL_HEADER, name="acme", secret_prefix="kl"),  # noqa: S106 - a prefix, no secret
    MemberAdded(
        *FULL_HEADER,
        member_id=MEMBER,
        role=Role.ADMIN,
        personal=MemberDetails("zoë@example.com", "zoe"),
        on_behalf_of_id=MEMBER,
    ),
    MemberRoleChanged(
        *FULL_HEADER,
        member_id=MEMBER,
        role=Role.MEMBER,
        on_behalf_of_id=MEMBER,
    ),
    MemberRemoved(
        *FULL_HEADER,
        member_id=MEMBER,
        on_behalf_of_id=MEMBER,
    ),
    KeyCreated(
        *FULL_HEADER,
        name="billing",
        masked="kl_1a2B...9zY8",
        fingerprint=FINGERPRINT,
        pepper_id="p1",
        owner_id=MEMBER,
        personal=OwnerDetails("team payments"),
        expires_at=LATER,
        scopes=("keys:check", "uses:append"),
        predecessor_id=OTHER_KEY,
        on_behalf_of_id=MEMBER,
        request_digest=FINGERPRINT,
    ),
    KeyRenamed(
        *FULL_HEADER,
        name="billing-eu",
        on_behalf_of_id=MEMBER,
    ),
    KeyOwnerChanged(
        *FULL_HEADER,
        owner_id=MEMBER,
        personal=OwnerDetails("team payments"),
        on_behalf_of_id=MEMBER,
    ),
    KeyExpiryChanged(
        *FULL_HEADER,
        expires_at=LATER,
        on_behalf_of_id=MEMBER,
    ),
    KeyScopesChanged(
        *FULL_HEADER,
        scopes=("keys:check",),
        on_behalf_of_id=MEMBER,
    ),
    KeyDisabled(
        *FULL_HEADER,
        reason="on leave",
        on_behalf_of_id=MEMBER,
    ),
    KeyEnabled(
        *FULL_HEADER,
        on_behalf_of_id=MEMBER,
    ),
    KeyRotated(
        *FULL_HEADER,
        successor_id=OTHER_KEY,
        overlap_ends_at=LATER,
        on_behalf_of_id=MEMBER,
    ),
    KeyRevoked(
        *FULL_HEADER,
        reason="leaked",
        on_behalf_of_id=MEMBER,
    ),
    KeyUsed(
        *FULL_HEADER,
        key_id=KEY,
        service="payments",
        caller="checkout",
        reporter="gateway",
        personal=UseDetails("192.0.2.7", "curl/8.5.0"),
        count=1000,
        error_count=3,
        last_at=LATER,
    ),
    KeyUseDenied(
        *FULL_HEADER,
        key_id=KEY,
        reason=DenialReason.ROTATED,
        service="payments",
        caller="checkout",
        reporter="gateway",
        personal=UseDetails("2001:db8::7", "curl/8.5.0"),
        count=999,
        last_at=LATER,
    ),
    KeyObserved(
        *FULL_HEADER,
        key_id=KEY,
        source="aws",
        external_id="AKIAIOSFODNN7EXAMPLE",
        kind=KeyKind.LONG_LIVED,
        reporter="cloudtrail",
        account="123456789012",
        state=KeyState.DISABLED,
        created_at=EARLIER,
        name="deployer",
        personal=ObservedDetails("arn:aws:iam::123456789012:user/zoe", "root"),
    ),
    KeyLinked(*FULL_HEADER, key_id=KEY, alias_id=OTHER_KEY, reporter="keyledger"),
    KeyUsageSummarized(
        *FULL_HEADER,
        key_id=KEY,
        reporter="credential report",
        covers_from=EARLIER,
        covers_to=AT,
        first_used_at=EARLIER,
        last_used_at=AT,
        count=12,
        service="s3",
    ),
    CoverageReported(
        *FULL_HEADER,
        reporter="cloudtrail",
        covers_from=EARLIER,
        covers_to=AT,
        source="aws",
        account="123456789012",
    ),
    FindingWaived(
        *FULL_HEADER,
        key_id=KEY,
        rule="aged-key",
        reason="moves to OIDC in July",
        expires_at=LATER,
        owner_id=MEMBER,
        personal=OwnerDetails("team payments"),
        on_behalf_of_id=MEMBER,
    ),
    WaiverWithdrawn(
        *FULL_HEADER,
        key_id=KEY,
        rule="aged-key",
        reason="moved",
        on_behalf_of_id=MEMBER,
    ),
    KeyLeakReported(*FULL_HEADER, key_id=KEY, place="git: 0a1b2c3:deploy/values.yaml:12"),
    KeyConfirmed(*FULL_HEADER, key_id=KEY, reason="nightly export"),
    KeyWarned(*FULL_HEADER, key_id=KEY, plan_id=OTHER_KEY, rule="unused-key"),
    ReporterRetired(*FULL_HEADER, reporter="gateway", reason="replaced"),
    AuditCompleted(
        *FULL_HEADER,
        judged_at=EARLIER,
        position=1_000_000,
        policy='{"max_age":"90d"}',
        rules_version="2",
        tool_version="0.1.0",
        rules=("unused-key", "aged-key"),
        report_sha256=FINGERPRINT,
        keys=60,
        findings=37,
        waived=2,
        open_findings=KEY,
        include_temporary=True,
        on_behalf_of_id=MEMBER,
    ),
    RemediationStepped(
        *FULL_HEADER,
        key_id=KEY,
        plan_id=OTHER_KEY,
        plan_sha256=FINGERPRINT,
        step=RemediationStep.DISABLE,
        rules=("unused-key", "rotation-unfinished"),
    ),
)

BARE: tuple[Event, ...] = (
    OrganizationCreated(*BARE_HEADER, name="acme", secret_prefix="kl"),  # noqa: S106 - a prefix, no secret
    MemberAdded(*BARE_HEADER, member_id=MEMBER, role=Role.MEMBER, personal=MemberDetails("zoe@example.com")),
    MemberRoleChanged(*BARE_HEADER, member_id=MEMBER, role=Role.ADMIN),
    MemberRemoved(*BARE_HEADER, member_id=MEMBER),
    KeyCreated(
        *BARE_HEADER, name="billing", masked="kl_1a2B...9zY8", fingerprint=FINGERPRINT, pepper_id=None
    ),
    KeyRenamed(*BARE_HEADER, name="b"),
    KeyOwnerChanged(*BARE_HEADER, owner_id=None, personal=None),
    KeyExpiryChanged(*BARE_HEADER, expires_at=None),
    KeyScopesChanged(*BARE_HEADER, scopes=()),
    KeyDisabled(*BARE_HEADER),
    KeyEnabled(*BARE_HEADER),
    KeyRotated(*BARE_HEADER, successor_id=OTHER_KEY, overlap_ends_at=AT),
    KeyRevoked(*BARE_HEADER),
    KeyUsed(*BARE_HEADER, key_id=KEY, service="payments"),
    KeyUseDenied(*BARE_HEADER, key_id=KEY, reason=DenialReason.REVOKED, service="payments"),
    KeyObserved(
        *BARE_HEADER,
        key_id=KEY,
        source="aws",
        external_id="ASIAIOSFODNN7EXAMPLE",
        kind=KeyKind.TEMPORARY,
        reporter="cloudtrail",
    ),
    KeyLinked(*BARE_HEADER, key_id=KEY, alias_id=OTHER_KEY, reporter="keyledger"),
    KeyUsageSummarized(
        *BARE_HEADER, key_id=KEY, reporter="credential report", covers_from=EARLIER, covers_to=AT
    ),
    CoverageReported(*BARE_HEADER, reporter="cloudtrail", covers_from=EARLIER, covers_to=AT),
    FindingWaived(*BARE_HEADER, key_id=KEY, rule="aged-key", reason="moves", expires_at=LATER),
    WaiverWithdrawn(*BARE_HEADER, key_id=KEY, rule="aged-key"),
    KeyLeakReported(*BARE_HEADER, key_id=KEY, place="values.yaml:12"),
    KeyConfirmed(*BARE_HEADER, key_id=KEY),
    KeyWarned(*BARE_HEADER, key_id=KEY, plan_id=OTHER_KEY, rule="unused-key"),
    ReporterRetired(*BARE_HEADER, reporter="gateway"),
    AuditCompleted(
        *BARE_HEADER,
        judged_at=AT,
        position=0,
        policy="{}",
        rules_version="2",
        tool_version="0.1.0",
        rules=(),
        report_sha256=FINGERPRINT,
        keys=0,
        findings=0,
        waived=0,
        open_findings=b"",
    ),
    RemediationStepped(
        *BARE_HEADER,
        key_id=KEY,
        plan_id=OTHER_KEY,
        plan_sha256=FINGERPRINT,
        step=RemediationStep.WARN,
        rules=(),
    ),
)

# As they were stored before an event told whom a key acted for.
_ADDED = ("on_behalf_of_id", "request_digest")
BEFORE: tuple[Event, ...] = tuple(
    msgspec.structs.replace(event, **{name: None for name in _ADDED if hasattr(event, name)})
    for event in FULL
    if any(hasattr(event, name) for name in _ADDED)
)
