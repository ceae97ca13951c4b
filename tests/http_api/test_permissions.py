"""Who may do what, cell by cell: the table here was written by hand, the one in the code must agree."""

import re
from datetime import timedelta
from itertools import count
from pathlib import Path

import msgspec
import pytest

from http_api.operations import OPERATIONS, permission_table
from http_api.problems import ProblemKind
from http_api.settings import KIB, MIB, Limits
from ledger.events import MemberDetails, Role
from ledger.ids import format_id
from ledger.key_terms import CreatedKey, NewKey
from ledger.organization import Organization
from ledger.waivers import Waivers, WaiverTerms
from tests.http_api.requests_of import NAMING, Subject, asked
from tests.http_api.served import Served
from tests.office import DAY, Office

CALLERS = ("nobody", "unknown", "plain", "check", "append", "read", "manage", "for-member", "for-admin")
#                    nobody unkn plai chec appe read mana memb admi
MATRIX = """
    health           200 200 200 200 200 200 200 200 200
    readiness        200 200 200 200 200 200 200 200 200
    metrics          200 200 200 200 200 200 200 200 200
    check            401 401 403 200 403 403 403 403 403
    authorize        401 401 204 204 204 204 204 204 204
    appendUses       401 401 403 403 200 403 403 403 403
    declareCoverage  401 401 403 403 200 403 403 403 403
    showCaller       401 401 200 200 200 200 200 200 200
    listKeys         401 401 403 403 403 200 200 200 200
    createKey        401 401 403 403 403 403 201 403 201
    showKey          401 401 403 403 403 200 200 200 200
    keyHistory       401 401 403 403 403 200 200 200 200
    changeKey        401 401 403 403 403 403 200 403 200
    renameKey        401 401 403 403 403 403 200 403 200
    disableKey       401 401 403 403 403 403 200 403 200
    enableKey        401 401 403 403 403 403 200 403 200
    rotateKey        401 401 403 403 403 403 201 403 201
    revokeKey        401 401 403 403 403 403 200 403 200
    revokeKeys       401 401 403 403 403 403 200 403 200
    audit            401 401 403 403 403 200 200 200 200
    listFindings     401 401 403 403 403 200 200 200 200
    auditHistory     401 401 403 403 403 200 200 200 200
    recordAudit      401 401 403 403 403 403 201 403 201
    listWaivers      401 401 403 403 403 200 200 200 200
    waive            401 401 403 403 403 403 201 403 201
    withdrawWaiver   401 401 403 403 403 403 200 403 200
    listRotations    401 401 403 403 403 200 200 200 200
    finishRotation   401 401 403 403 403 403 200 403 200
    listMembers      401 401 403 403 403 200 200 200 200
    addMember        401 401 403 403 403 403 403 403 201
    changeRole       401 401 403 403 403 403 403 403 200
    removeMember     401 401 403 403 403 403 403 403 204
"""
SCOPES = {
    "check": ("keys:check",),
    "append": ("uses:append",),
    "read": ("audit:read",),
    "manage": ("keys:manage",),
    "for-member": ("keys:manage",),
    "for-admin": ("keys:manage",),
}
CLAIMS = {"for-member": "bob@example.com", "for-admin": "ada@example.com"}
ABSENT = "00000000-0000-4000-8000-000000000000"
NUMBERS = count(1)
DOCUMENT = Path(__file__).parents[2] / "deploy" / "http-api.md"


def expected(caller: str) -> dict[str, int]:
    column = CALLERS.index(caller)
    rows = [line.split() for line in MATRIX.strip().splitlines()]
    return {row[0]: int(row[1 + column]) for row in rows}


def subject(office: Office, org: Organization) -> Subject:
    """A fresh key, member and rotation in an organization."""
    admin = next(each for each in org.members.values() if each.role is Role.ADMIN)
    actor = org.claimed_actor(admin.email)
    name = f"subject-{next(NUMBERS)}"
    created = office.ledger.create_key(org, actor, NewKey(name))
    old = office.ledger.create_key(org, actor, NewKey(f"{name}-old"))
    credential = office.ledger.find_key(org, old.id.hex())
    office.ledger.rotate_key(org, actor, credential)
    until = WaiverTerms("accepted", "ops", office.now + DAY)
    Waivers(office.ledger, org, actor).waive(credential, "no-expiry", until, timedelta(days=9))
    office.ledger.add_member(org, actor, MemberDetails(f"{name}@example.com"), Role.MEMBER)
    member = office.ledger.organization(org.name).member(f"{name}@example.com")
    return Subject(format_id(created.id), format_id(member.id), format_id(old.id), f"{name}-new")


def test_the_matrix_names_every_operation() -> None:
    assert list(expected("nobody")) == [each.id for each in OPERATIONS]


@pytest.mark.parametrize("caller", CALLERS)
def test_a_caller_may_do_just_what_the_matrix_says(caller: str, api: Served) -> None:
    office = api.office
    office.ledger.add_member(office.org, office.ada, MemberDetails("bob@example.com"), Role.MEMBER)
    key: CreatedKey | str | None = None
    if caller == "unknown":
        key = api.key().secret.reveal().replace("_", "_x", 1)
    elif caller != "nobody":
        key = api.key(*SCOPES.get(caller, ("deploy",)))

    answered = {}
    for operation in OPERATIONS:
        about = subject(office, office.org)
        if operation.id == "enableKey":
            credential = office.ledger.find_key(office.org, about.key_id)
            office.ledger.disable_key(office.org, office.ada, credential)
        request = asked(operation.id, about)
        answer = api(request.method, request.path, key, on_behalf_of=CLAIMS.get(caller), **request.more)
        answered[operation.id] = answer.status_code

    assert answered == expected(caller)


def test_what_is_of_another_organization_is_answered_like_what_is_nowhere(api: Served) -> None:
    office = api.office
    founder = MemberDetails("eve@example.com")
    other = office.ledger.create_organization("other", founder, office.ada.authentication)
    eve = other.claimed_actor(founder.email)
    key = office.ledger.create_key(other, eve, NewKey("eve", scopes=("keys:manage", "audit:read")))
    theirs = subject(office, office.org)
    nowhere = Subject(ABSENT, ABSENT, ABSENT, theirs.name)

    for operation_id in NAMING:
        answers = []
        for about in (theirs, nowhere):
            request = asked(operation_id, about)
            answer = api(request.method, request.path, key, on_behalf_of=founder.email, **request.more)
            said = {name: value for name, value in answer.json().items() if name != "request_id"}
            answers.append((answer.status_code, re.sub(r"[0-9a-f]{8}[0-9a-f.-]+", "ID", str(said))))
        assert answers[0] == answers[1], operation_id
        assert answers[0][0] == 404, operation_id


def test_no_list_shows_anything_of_another_organization(api: Served) -> None:
    office = api.office
    other = office.ledger.create_organization(
        "other", MemberDetails("eve@example.com"), office.ada.authentication
    )
    eve = other.claimed_actor("eve@example.com")
    key = office.ledger.create_key(other, eve, NewKey("eve", scopes=("audit:read",)))
    theirs = subject(office, office.org)
    api("POST", "/v1/audits", api.key("keys:manage"), body={})

    for operation in OPERATIONS:
        if operation.method == "GET" and "{" not in operation.path and not operation.is_open:
            answer = api("GET", operation.path, key)
            assert answer.status_code == 200
            shown = [word for word in ("acme", "ada@", "subject-", theirs.key_id) if word in answer.text]
            assert (operation.id, shown) == (operation.id, [])
    assert api("GET", "/v1/audits", key).json()["runs"] == []


def test_the_documentation_tells_every_problem_and_every_limit() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    assert [kind.slug for kind in ProblemKind if f"| `{kind.slug}` | {kind.status} |" not in text] == []
    limits = msgspec.structs.asdict(Limits())
    assert [name for name, number in limits.items() if f"{_told(name, number)}" not in text] == []


def _told(name: str, number: float) -> str:
    """A limit as the documentation writes it: sizes in KiB or MiB, times in seconds."""
    if name in {"body", "head"}:
        return f"{number // KIB} KiB"
    if name.startswith("uses_") and number >= MIB:
        return f"{number // MIB} MiB"
    return f"{number} s" if name.endswith("_s") else f"{number:,}"


def test_the_documentation_prints_the_table_of_the_code() -> None:
    """`python -c 'from http_api.operations import permission_table as t; print(t())'` prints it."""
    assert permission_table() in DOCUMENT.read_text(encoding="utf-8")
