"""`keyledger.audit/1` as a shape: what `AuditReport.document` gives, for descriptions of it."""

from typing import Any, Literal

import msgspec

from projections.audit.assessments import Assessment
from projections.audit.findings import Finding
from projections.audit.report import AuditedKey, Summary


class AuditDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An audit of an organization's keys: the keys as they were judged, and what was found."""

    schema: Literal["keyledger.audit/1"] = "keyledger.audit/1"
    organization: str
    as_of: str
    position: int
    checkpoint: str | None
    policy: dict[str, Any]
    policy_sha256: str
    rules_version: str
    tool_version: str
    summary: Summary
    keys: list[AuditedKey]
    findings: list[Finding]
    assessments: list[Assessment] | msgspec.UnsetType = msgspec.UNSET


class FindingsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Findings of an audit, the worst first."""

    schema: Literal["keyledger.findings/1"] = "keyledger.findings/1"
    organization: str
    as_of: str
    position: int
    policy_sha256: str
    rules_version: str
    findings: list[Finding]
