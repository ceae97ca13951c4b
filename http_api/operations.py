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
    in the same transaction as all the rest, and has no rate but the server's.
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


_READERS = (AUDIT_READ, KEYS_MANAGE)
_MANAGERS = (KEYS_MANAGE,)

HEALTH = Operation("health", "GET", "/healthz", "The process answers", is_open=True)
READINESS = Operation("readiness", "GET", "/readyz", "The ledger can be reached", is_open=True)
SHOW_CALLER = Operation("showCaller", "GET", "/v1/caller", "Who the presented key makes you")

CHECK = Operation("check", "POST", "/v1/check", "Is a secret valid?", (KEYS_CHECK,), is_hot=True)
AUTHORIZE = Operation(
    "authorize", "GET", "/v1/authorize", "May a request pass a gateway?", is_open=True, is_hot=True
)
APPEND_USES = Operation("appendUses", "POST", "/v1/uses", "Append uses", (USES_APPEND,), cost=0)
DECLARE_COVERAGE = Operation(
    "declareCoverage", "POST", "/v1/heartbeats", "Declare what a reporter has covered", (USES_APPEND,)
)
METRICS = Operation("metrics", "GET", "/metrics", "Figures for Prometheus", is_open=True)

LIST_KEYS = Operation("listKeys", "GET", "/v1/keys", "List the keys", _READERS)

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
        yield f"| `{each.method} {each.path}` | {each.summary} | {needed} |".replace("| | |", "| | | |")
