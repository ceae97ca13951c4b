"""A request of each operation that the server can do, about a key and a member that are there."""

from collections.abc import Callable
from typing import Any

import msgspec

from http_api.operations import OPERATIONS


class Subject(msgspec.Struct, frozen=True):
    """What requests are about: a key that was rotated by its old id where that is needed, and a member."""

    key_id: str
    member_id: str
    rotated_id: str
    name: str = "new"


class Asked(msgspec.Struct, frozen=True):
    """The parts of a request."""

    method: str
    path: str
    body: Any = msgspec.UNSET

    @property
    def more(self) -> dict[str, Any]:
        """What the client takes beside method and path."""
        return {} if self.body is msgspec.UNSET else {"body": self.body}


BODIES: dict[str, Callable[[Subject], object]] = {
    "check": lambda _subject: {"secret": "nonsense", "service": "billing"},
    "appendUses": lambda _subject: [],
    "declareCoverage": lambda _subject: {
        "reporter": "billing",
        "from": "2025-12-31T00:00:00Z",
        "to": "2026-01-01T00:00:00Z",
    },
    "createKey": lambda subject: {"name": subject.name},
    "changeKey": lambda _subject: {"owner": "ops"},
    "renameKey": lambda subject: {"name": subject.name},
    "disableKey": lambda _subject: {},
    "enableKey": lambda _subject: {},
    "rotateKey": lambda _subject: {},
    "revokeKey": lambda _subject: {},
    "revokeKeys": lambda subject: {"keys": [subject.key_id], "dry_run": True},
    "recordAudit": lambda _subject: {},
    "waive": lambda subject: {
        "key": subject.key_id,
        "rule": "aged-key",
        "reason": "moves",
        "owner": "ops",
        "expires_in": "1d",
    },
    "withdrawWaiver": lambda subject: {"key": subject.rotated_id, "rule": "no-expiry"},
    "finishRotation": lambda _subject: {"force": True},
    "addMember": lambda subject: {"email": f"{subject.name}@example.com", "role": "member"},
    "changeRole": lambda _subject: {"role": "admin"},
}
# Those whose subject is named; of the others none can be asked of another organization.
NAMING = tuple(
    each.id for each in OPERATIONS if "{" in each.path or each.id in {"revokeKeys", "waive", "withdrawWaiver"}
)


def asked(operation_id: str, subject: Subject) -> Asked:
    """A request that goes well for who may do it."""
    (operation,) = (each for each in OPERATIONS if each.id == operation_id)
    key = subject.rotated_id if operation_id == "finishRotation" else subject.key_id
    path = operation.path.replace("{key}", key).replace("{member}", subject.member_id)
    make = BODIES.get(operation_id)
    return Asked(operation.method, path, msgspec.UNSET if make is None else make(subject))
