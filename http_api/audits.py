"""Audits: the report, its findings in pages, and the record that one was run."""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from http_api.bodies import answer, decoded
from http_api.caller import Caller, CallerAtHand
from http_api.cursors import DEFAULT_PAGE, Cursor, PageLimit, Place, page
from http_api.desk import Desk, DeskAtHand
from http_api.fields import DURATION, MAX_REFERENCE, MOMENT, Duration, Moment, RuleId
from http_api.operations import AUDIT, AUDIT_HISTORY, LIST_FINDINGS, RECORD_AUDIT
from http_api.problems import ProblemKind
from http_api.routes import Answer, route
from ledger.audit_runs import record_run, recorded_runs
from ledger.ids import format_id
from ledger.moments import parse_duration, parse_moment
from projections.audit.findings import Finding, FindingStatus
from projections.audit.policy import Policy
from projections.audit.report import AuditReport
from projections.audit.rules import find_rule
from projections.audit.severity import Severity
from projections.audit_record import outcome_of
from projections.auditing import Terms, audit_view
from projections.documents.audit import AuditDocument, FindingsDocument
from projections.documents.audit_history import AuditHistoryDocument, audit_history_document
from projections.policies import load_pack

MAX_RULES = 50

router = APIRouter()

PackName: TypeAlias = Literal["cis-aws", "nist-800-53", "owasp-nhi", "pci-dss-4", "soc2"]
StatusName: TypeAlias = Literal["open", "waived"]
PackInQuery = Annotated[
    PackName | None, Query(alias="policy", description="A pack; else the policy of the server.")
]
DurationInQuery = Annotated[str | None, Query(pattern=DURATION, description="Such as 45d.")]
RulesInQuery = Annotated[
    list[str] | None,
    Query(alias="rule", max_length=MAX_RULES, description="Only this rule; repeat for several."),
]
AsOfInQuery = Annotated[
    str | None, Query(pattern=MOMENT, description="Answer for this moment; else now. RFC 3339.")
]


class AuditTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an audit goes by; what is left out is the server's policy, and now."""

    policy: PackName | None = None
    unused_for: Duration | None = None
    max_age: Duration | None = None
    never_used_grace: Duration | None = None
    rules: Annotated[list[RuleId], msgspec.Meta(max_length=MAX_RULES)] = []
    as_of: Moment | None = None
    temporary: bool = False


class RecordedRun(msgspec.Struct, frozen=True, kw_only=True):
    """The record of an audit; its digest tells whether a report derived later is the same."""

    schema: Literal["keyledger.run/1"] = "keyledger.run/1"
    id: str
    as_of: str
    position: int
    report_sha256: str
    findings: int
    waived: int


class FindingsPage(FindingsDocument, frozen=True, kw_only=True):
    """Findings, the worst first; `next` is the cursor to go on with."""

    next: str | None


@route(router, AUDIT, Answer(200, AuditDocument, "The report."), problems=(ProblemKind.NOT_FOUND,))
def show_audit(
    desk: DeskAtHand,
    caller: CallerAtHand,
    pack: PackInQuery = None,
    unused_for: DurationInQuery = None,
    max_age: DurationInQuery = None,
    never_used_grace: DurationInQuery = None,
    rule: RulesInQuery = None,
    as_of: AsOfInQuery = None,
    temporary: Annotated[bool, Query(description="Temporary credentials too.")] = False,
    assess: Annotated[bool, Query(description="Also what came of each rule on each key.")] = False,
) -> Response:
    """Which keys to rotate or revoke, with the positions of the events that show it."""
    terms = AuditTerms(pack, unused_for, max_age, never_used_grace, rule or [], as_of, temporary)
    _, report = _audited(desk, caller, terms, assess=assess)
    return answer(report.document())


_FINDINGS = FindingsPage(
    organization="acme",
    as_of="2026-05-31T12:00:00Z",
    position=9,
    policy_sha256="c65c954bc7ebeb8ad6500bbd4d66ef61f3e2b005f0d5866ac42104d82837f54f",
    rules_version="1",
    findings=[
        Finding(
            id="5f1c0a7e9d3b2c48",
            rule="unused-key",
            severity=Severity.MEDIUM,
            status=FindingStatus.OPEN,
            key_id="590670b2-3f14-4c0a-9d7e-0c2b8a1f6e55",
            key_name="ci-github-actions",
            external_id=None,
            message="last used 2026-03-01T08:30:00Z, 91 days ago",
            evidence=(7,),
            remedy="keyledger key disable 590670b2",
        )
    ],
    next=None,
)


@route(
    router,
    LIST_FINDINGS,
    Answer(200, FindingsPage, "The findings.", _FINDINGS),
    problems=(ProblemKind.NOT_FOUND,),
)
def list_findings(
    desk: DeskAtHand,
    caller: CallerAtHand,
    pack: PackInQuery = None,
    rule: RulesInQuery = None,
    severity: Annotated[Severity | None, Query(description="So severe at least.")] = None,
    status: Annotated[StatusName | None, Query(description="Only open or only waived ones.")] = None,
    key: Annotated[str | None, Query(max_length=MAX_REFERENCE, description="Only on this key.")] = None,
    as_of: AsOfInQuery = None,
    limit: PageLimit = DEFAULT_PAGE,
    cursor: Cursor = None,
) -> Response:
    """The findings of an audit of this moment, the worst first."""
    key_id = None if key is None else format_id(desk.ledger.find_key(caller.org, key).key_id)
    _, report = _audited(desk, caller, AuditTerms(pack, rules=rule or [], as_of=as_of))
    found = [
        finding
        for finding in report.findings
        if (severity is None or finding.severity.is_at_least(severity))
        and status in (None, finding.status)
        and key_id in (None, finding.key_id)
    ]
    shown, following = page(found, _place, limit, cursor)
    return answer(
        FindingsPage(
            organization=report.organization,
            as_of=report.as_of,
            position=report.position,
            policy_sha256=report.policy_sha256,
            rules_version=report.rules_version,
            findings=list(shown),
            next=following,
        )
    )


@route(router, AUDIT_HISTORY, Answer(200, AuditHistoryDocument, "The recorded audits."))
def audit_history(desk: DeskAtHand, caller: CallerAtHand) -> Response:
    """The audits that were recorded, in the order of their records."""
    return answer(audit_history_document(caller.org, recorded_runs(desk.database, caller.org.id)))


@route(
    router,
    RECORD_AUDIT,
    Answer(201, RecordedRun, "It is recorded."),
    body=AuditTerms,
    example=AuditTerms(unused_for="30d"),
    problems=(ProblemKind.NOT_FOUND,),
)
def record_audit(
    desk: DeskAtHand, caller: CallerAtHand, terms: Annotated[AuditTerms, decoded(AuditTerms)]
) -> Response:
    """Audit, and keep that it was done, by whom, and the digest of what it said."""
    policy, report = _audited(desk, caller, terms)
    outcome = outcome_of(policy, report, include_temporary=terms.temporary)
    run_id = record_run(desk.ledger, caller.org, caller.actor, outcome)
    return answer(
        RecordedRun(
            id=format_id(run_id),
            as_of=report.as_of,
            position=report.position,
            report_sha256=outcome.report_sha256.hex(),
            findings=outcome.findings,
            waived=outcome.waived,
        ),
        201,
    )


def _audited(
    desk: Desk, caller: Caller, terms: AuditTerms, *, assess: bool = False
) -> tuple[Policy, AuditReport]:
    policy = _policy(desk, terms)
    rules = tuple(map(find_rule, terms.rules)) or None
    as_of = None if terms.as_of is None else parse_moment(terms.as_of)
    with desk.view(caller.org, as_of, of_now=True) as view:
        judged_by = Terms(policy, rules, include_temporary=terms.temporary, assess=assess)
        report = audit_view(view, caller.org.name, desk.clock(), judged_by)
    return policy, report


def _policy(desk: Desk, terms: AuditTerms) -> Policy:
    policy = desk.policy if terms.policy is None else load_pack(terms.policy).policy
    said = {
        "unused_for": terms.unused_for,
        "max_age": terms.max_age,
        "never_used_grace": terms.never_used_grace,
    }
    changes: dict[str, Any] = {name: parse_duration(text) for name, text in said.items() if text is not None}
    return msgspec.structs.replace(policy, **changes) if changes else policy


def _place(finding: Finding) -> Place:
    return (str(9 - finding.severity.rank), finding.rule, finding.key_name, finding.key_id)
