"""Waivers: findings that are accepted for a time."""

from typing import Annotated

import msgspec
from fastapi import APIRouter
from msgspec import Meta
from starlette.responses import Response

from http_api.bodies import answer, decoded
from http_api.caller import Caller, CallerAtHand
from http_api.desk import Desk, DeskAtHand
from http_api.fields import Duration, Moment, Owner, Reason, Reference, RuleId, expiry
from http_api.operations import LIST_WAIVERS, WAIVE, WITHDRAW_WAIVER
from http_api.problems import Problem, ProblemKind
from http_api.routes import Answer, route
from ledger.api_key import MAX_REASON
from ledger.waivers import Waivers, WaiverTerms
from projections.audit.measure import Measures
from projections.audit.rules import RULES, find_rule
from projections.documents.waivers import WaiverLine, WaiversDocument, waived_keys, waivers_document

router = APIRouter()


class NewWaiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The finding of a rule on a key to accept, why, who answers for it, and until when."""

    key: Reference
    rule: RuleId
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON, description="Why the risk is accepted.")]
    owner: Owner
    expires_at: Moment | None = None
    expires_in: Duration | None = None


class WithdrawnWaiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The waiver to end."""

    key: Reference
    rule: RuleId
    reason: Reason | None = None


_WAIVERS = WaiversDocument(
    organization="acme",
    position=12,
    waivers=[
        WaiverLine(
            rule="aged-key",
            key_id="590670b2-3f14-4c0a-9d7e-0c2b8a1f6e55",
            key_name="billing",
            state="live",
            waived_at="2026-05-31T12:00:00Z",
            expires_at="2026-06-30T12:00:00Z",
            owner="ops",
            reason="moves to OIDC",
            position=12,
        )
    ],
)
_FINDING = (ProblemKind.NOT_FOUND, ProblemKind.AMBIGUOUS, ProblemKind.CONFLICT)


@route(router, LIST_WAIVERS, Answer(200, WaiversDocument, "The waivers, the expired too.", _WAIVERS))
def list_waivers(desk: DeskAtHand, caller: CallerAtHand) -> Response:
    """What was accepted, the waiver that ends first at the beginning."""
    return answer(_document(desk, caller))


@route(
    router,
    WAIVE,
    Answer(201, WaiversDocument, "It is waived; the document holds this waiver."),
    body=NewWaiver,
    example=NewWaiver("billing", "aged-key", "moves to OIDC", "ops", expires_in="30d"),
    problems=(*_FINDING, ProblemKind.WRONG_STATE),
)
def waive(
    desk: DeskAtHand, caller: CallerAtHand, waiver: Annotated[NewWaiver, decoded(NewWaiver)]
) -> Response:
    """Reports go on showing the finding, marked as waived, and it fails no audit until then."""
    rule = find_rule(waiver.rule)
    expires_at = expiry(waiver.expires_at, waiver.expires_in, desk.clock())
    if expires_at is None:
        raise Problem(ProblemKind.INVALID, "a waiver ends: say when with expires_at or expires_in")
    credential = desk.ledger.find_key(caller.org, waiver.key)
    with desk.view(caller.org) as view:
        record, others = view.record(credential.key_id), view.other_names(credential.key_id)
    longest = Measures(desk.policy, RULES).of(record).policy.max_waiver
    terms = WaiverTerms(waiver.reason, waiver.owner, expires_at)
    Waivers(desk.ledger, caller.org, caller.actor).waive(credential, rule.id, terms, longest, others)
    return answer(_document(desk, caller, credential.key_id, rule.id), 201)


@route(
    router,
    WITHDRAW_WAIVER,
    Answer(200, WaiversDocument, "It is withdrawn; the document holds what is left for the key."),
    body=WithdrawnWaiver,
    example=WithdrawnWaiver("billing", "aged-key", "moved"),
    problems=_FINDING,
)
def withdraw_waiver(
    desk: DeskAtHand, caller: CallerAtHand, waiver: Annotated[WithdrawnWaiver, decoded(WithdrawnWaiver)]
) -> Response:
    """The finding is open again."""
    credential = desk.ledger.find_key(caller.org, waiver.key)
    with desk.view(caller.org) as view:
        others = view.other_names(credential.key_id)
    waivers = Waivers(desk.ledger, caller.org, caller.actor)
    waivers.withdraw(credential, waiver.rule, waiver.reason, others)
    return answer(_document(desk, caller, credential.key_id))


def _document(
    desk: Desk, caller: Caller, key_id: bytes | None = None, rule: str | None = None
) -> WaiversDocument:
    with desk.view(caller.org) as view:
        records = view.records() if key_id is None else [view.record(key_id)]
        told = [each for each in waived_keys(records) if rule in (None, each[1].rule)]
        return waivers_document(caller.org.name, view.position, told, desk.clock())
