"""`keyledger.verdict/1`: whether a presented secret is valid."""

from typing import Literal

import msgspec

from ledger.ids import format_id
from ledger.verdict import Reason, Verdict


class VerdictDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict; of an unknown secret it tells nothing but that."""

    schema: Literal["keyledger.verdict/1"] = "keyledger.verdict/1"
    valid: bool
    reason: Reason | None
    organization: str | None
    key_id: str | None
    name: str | None
    scopes: tuple[str, ...]


def verdict_document(verdict: Verdict) -> VerdictDocument:
    """The document of a verdict."""
    return VerdictDocument(
        valid=verdict.valid,
        reason=verdict.reason,
        organization=verdict.organization,
        key_id=None if verdict.key_id is None else format_id(verdict.key_id),
        name=verdict.name,
        scopes=verdict.scopes,
    )
