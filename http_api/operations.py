"""The permission table: what can be asked of the server, and who may ask it.

A caller presents a key of its organization, which needs one of the operation's scopes. Where it says on
whose behalf it acts, that member needs the role too. Whoever will come with a browser's session needs the
role alone.
"""

from collections.abc import Iterator

import msgspec

from ledger.events import Role
from ledger.scopes import AUDIT_READ, KEYS_CHECK, KEYS_MANAGE, USES_APPEND


class Operation(msgspec.Struct, frozen=True):
    """One thing that can be asked for.

    The key needs one of `scopes`, any key of an organization will do where there are none. `role` is what a
    person needs; with `by_person` there must be one, so a key has to name whom it acts for. `cost` is counted
    against the key's rate. An open operation asks nobody who he is; a hot one, on which services wait, asks
    in the same transaction as all the rest, and has no rate but the server's. One `is_below` can be asked for
    by any method and below its path too.
    """

    id: str
    method: str
    path: str
    summary: str
    scopes: tuple[str, ...] = ()
    role: Role = Role.MEMBER
    by_person: bool = False
    cost: int = 1
    is_open: bool = False
    is_hot: bool = False
    is_below: bool = False


_READERS = (AUDIT_READ, KEYS_MANAGE)
_MANAGERS = (KEYS_MANAGE,)

HEALTH = Operation("health", "GET", "/healthz", "The process answers", is_open=True)
READINESS = Operation("readiness", "GET", "/readyz", "The ledger can be reached", is_open=True)
SHOW_CALLER = Operation("showCaller", "GET", "/v1/caller", "Who the presented key makes you")

CHECK = Operation("check", "POST", "/v1/check", "Is a secret valid?", (KEYS_CHECK,), cost=0, is_hot=True)
AUTHORIZE = Operation(
    "authorize",
    "GET",
    "/v1/authorize",
    "May a request pass a gateway?",
    is_open=True,
    is_hot=True,
    is_below=True,
)
APPEND_USES = Operation("appendUses", "POST", "/v1/uses", "Append uses", (USES_APPEND,), cost=0)
DECLARE_COVERAGE = Operation(
    "declareCoverage", "POST", "/v1/heartbeats", "Declare what a reporter has covered", (USES_APPEND,)
)
METRICS = Operation("metrics", "GET", "/metrics", "Figures for Prometheus", is_open=True)

LIST_KEYS = Operation("listKeys", "GET", "/v1/keys", "List the keys", _READERS)
CREATE_KEY = Operation("createKey", "POST", "/v1/keys", "Make a key", _MANAGERS, Role.ADMIN)
SHOW_KEY = Operation("showKey", "GET", "/v1/keys/{key}", "Show a key", _READERS)
KEY_HISTORY = Operation("keyHistory", "GET", "/v1/keys/{key}/history", "Tell a key's history", _READERS)
CHANGE_KEY = Operation("changeKey", "PATCH", "/v1/keys/{key}", "Change a key", _MANAGERS, Role.ADMIN)
RENAME_KEY = Operation("renameKey", "POST", "/v1/keys/{key}/rename", "Rename a key", _MANAGERS, Role.ADMIN)
DISABLE_KEY = Operation(
    "disableKey", "POST", "/v1/keys/{key}/disable", "Refuse a key for a time", _MANAGERS, Role.ADMIN
)
ENABLE_KEY = Operation(
    "enableKey", "POST", "/v1/keys/{key}/enable", "Accept a disabled key again", _MANAGERS, Role.ADMIN
)
ROTATE_KEY = Operation(
    "rotateKey", "POST", "/v1/keys/{key}/rotate", "Make a successor", _MANAGERS, Role.ADMIN
)
REVOKE_KEY = Operation("revokeKey", "POST", "/v1/keys/{key}/revoke", "End a key", _MANAGERS, Role.ADMIN)
REVOKE_KEYS = Operation(
    "revokeKeys", "POST", "/v1/keys/revoke", "End many keys, or see which", _MANAGERS, Role.ADMIN, cost=10
)

AUDIT = Operation("audit", "GET", "/v1/audit", "Audit the keys", _READERS, cost=10)
LIST_FINDINGS = Operation("listFindings", "GET", "/v1/findings", "List findings", _READERS, cost=10)
AUDIT_HISTORY = Operation("auditHistory", "GET", "/v1/audits", "List recorded audits", _READERS)
RECORD_AUDIT = Operation(
    "recordAudit", "POST", "/v1/audits", "Audit, and record it", _MANAGERS, Role.ADMIN, cost=10
)

LIST_WAIVERS = Operation("listWaivers", "GET", "/v1/waivers", "List the waivers", _READERS)
WAIVE = Operation("waive", "POST", "/v1/waivers", "Accept a finding for a time", _MANAGERS, Role.ADMIN)
WITHDRAW_WAIVER = Operation(
    "withdrawWaiver", "POST", "/v1/waivers/withdraw", "Withdraw a waiver", _MANAGERS, Role.ADMIN
)

LIST_ROTATIONS = Operation("listRotations", "GET", "/v1/rotations", "List open rotations", _READERS)
FINISH_ROTATION = Operation(
    "finishRotation", "POST", "/v1/rotations/{key}/finish", "End an old key", _MANAGERS, Role.ADMIN
)

# To say who is an admin is an admin's business, never a key's alone.
LIST_MEMBERS = Operation("listMembers", "GET", "/v1/members", "List the members", _READERS)
ADD_MEMBER = Operation(
    "addMember", "POST", "/v1/members", "Let a person in", _MANAGERS, Role.ADMIN, by_person=True
)
CHANGE_ROLE = Operation(
    "changeRole",
    "POST",
    "/v1/members/{member}/role",
    "Give a member another role",
    _MANAGERS,
    Role.ADMIN,
    by_person=True,
)
REMOVE_MEMBER = Operation(
    "removeMember",
    "DELETE",
    "/v1/members/{member}",
    "End a membership",
    _MANAGERS,
    Role.ADMIN,
    by_person=True,
)

OPERATIONS: tuple[Operation, ...] = (
    HEALTH,
    READINESS,
    METRICS,
    CHECK,
    AUTHORIZE,
    APPEND_USES,
    DECLARE_COVERAGE,
    SHOW_CALLER,
    LIST_KEYS,
    CREATE_KEY,
    SHOW_KEY,
    KEY_HISTORY,
    CHANGE_KEY,
    RENAME_KEY,
    DISABLE_KEY,
    ENABLE_KEY,
    ROTATE_KEY,
    REVOKE_KEY,
    REVOKE_KEYS,
    AUDIT,
    LIST_FINDINGS,
    AUDIT_HISTORY,
    RECORD_AUDIT,
    LIST_WAIVERS,
    WAIVE,
    WITHDRAW_WAIVER,
    LIST_ROTATIONS,
    FINISH_ROTATION,
    LIST_MEMBERS,
    ADD_MEMBER,
    CHANGE_ROLE,
    REMOVE_MEMBER,
)
BY_ID = {operation.id: operation for operation in OPERATIONS}


def permission_table() -> str:
    """The table as documentation prints it, in Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "| operation | what | scope of the key | role of the person | cost |"
    yield "|---|---|---|---|--:|"
    for each in OPERATIONS:
        scopes = " or ".join(f"`{scope}`" for scope in each.scopes) or "any key"
        role = f"{each.role.value}, to be named" if each.by_person else each.role.value
        needed = "nobody is asked | |" if each.is_open else f"{scopes} | {role} | {each.cost}"
        yield f"| `{each.method} {each.path}` | {each.summary} | {needed} |"
