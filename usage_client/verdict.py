"""What is known of a presented key: the server's word, or what stands in for it while it cannot be asked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from json import JSONDecodeError, loads
from typing import Any, Literal, Self, TypeAlias

UNAVAILABLE = "unavailable"

# What is said to a key while the server cannot be asked.
WhenDown: TypeAlias = Literal["refuse", "accept-known", "accept"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to let a request in, and why not.

    `reason` is None for a valid key, else `unknown`, `revoked`, `disabled`, `expired`, `rotated`, or
    `unavailable` where nobody could be asked. `is_certain` is False where the server did not say it just now.
    """

    valid: bool
    reason: str | None = None
    organization: str | None = None
    key_id: str | None = None
    name: str | None = None
    scopes: tuple[str, ...] = ()
    is_certain: bool = True

    def guessed(self) -> Self:
        """The same, of an earlier check."""
        return replace(self, is_certain=False)


UNKNOWN = Verdict(valid=False, reason="unknown")


def read_verdict(content: bytes) -> Verdict | None:
    """The verdict in an answer; None where it holds none, which is never taken for a yes."""
    try:
        fields = loads(content)
    except (JSONDecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("valid"), bool):
        return None
    key_id = _text(fields, "key_id")
    if fields["valid"] and key_id is None:
        return None
    scopes = fields.get("scopes")
    return Verdict(
        valid=fields["valid"],
        reason=None if fields["valid"] else _text(fields, "reason") or "unknown",
        organization=_text(fields, "organization"),
        key_id=key_id,
        name=_text(fields, "name"),
        scopes=tuple(map(str, scopes)) if isinstance(scopes, list) else (),
    )


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None
