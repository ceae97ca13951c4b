"""Who asks: a key of an organization, perhaps on a member's behalf, and whether he may ask for this.

A browser's session will be another way to be known: `establish_caller` tries one way after the other, and
each gives a Caller.
"""

from typing import Annotated

import msgspec
from fastapi import Depends, Request

from http_api.desk import Desk, DeskAtHand
from http_api.operations import BY_ID, Operation
from http_api.problems import Problem, ProblemKind
from http_api.rates import Standing
from ledger.actor import Actor
from ledger.errors import NotFound
from ledger.events import Authentication, Role
from ledger.organization import Member, Organization
from ledger.scopes import KEYS_MANAGE
from ledger.secret import MAX_SECRET, Secret
from ledger.verdict import Verdict

ON_BEHALF_OF = "on-behalf-of"
REALM = 'Bearer realm="keyledger"'
_BEARER = "bearer "
# An address of IPv6 that ends in one of IPv4; a secret is longer.
_LONGEST_ADDRESS = 45


class Caller(msgspec.Struct, frozen=True):
    """Who asks, of which organization. `member` is whom a key claims to act for, or the person himself."""

    org: Organization
    actor: Actor
    key_id: bytes | None = None
    key_name: str | None = None
    scopes: tuple[str, ...] = ()
    member: Member | None = None


def establish_caller(request: Request, desk: DeskAtHand) -> Caller:
    """The caller, who may do what the route is for; a Problem where nobody is known, or may not."""
    caller = caller_of(request, desk, BY_ID[request.scope["route"].operation_id])
    request.state.caller = caller
    return caller


def caller_of(request: Request, desk: Desk, operation: Operation) -> Caller:
    """The caller as of now, who may do this; a Problem where nobody is known, or may not."""
    caller = _by_key(request, desk, operation)
    _require_permission(caller, operation)
    return caller


CallerAtHand = Annotated[Caller, Depends(establish_caller)]


def presented_secret(request: Request, key_header: str) -> Secret | None:
    """The secret in the header for keys, else in the Authorization header; None without either.

    In that order, as the bearer token of a request that passes a gateway may be the application's own.
    """
    text = request.headers.get(key_header, "").strip()
    authorization = request.headers.get("authorization", "")
    if not text and authorization[: len(_BEARER)].lower() == _BEARER:
        text = authorization[len(_BEARER) :].strip()
    return Secret(text[: MAX_SECRET + 1]) if text else None


def source_address(request: Request) -> str | None:
    """The address that a request came from; a proxy that is trusted has told it. None for what is none."""
    host = request.client.host if request.client else ""
    return host if 0 < len(host) <= _LONGEST_ADDRESS else None


def _by_key(request: Request, desk: Desk, operation: Operation) -> Caller:
    key_header = desk.settings.key_header
    secret = presented_secret(request, key_header)
    if secret is None:
        raise no_key(key_header)
    verdict = desk.own_uses.verdict(secret, source_address(request))
    if not verdict.valid or verdict.key_id is None:
        raise refused_key(verdict)
    standing = desk.rates.take(verdict.key_id, operation.cost)
    request.state.rate = standing
    if not standing.allowed:
        raise _too_often(standing)
    org = desk.ledger.organization(verdict.organization)
    member = _claimed(org, request.headers.get(ON_BEHALF_OF))
    return Caller(org, _actor(verdict, member), verdict.key_id, verdict.name, verdict.scopes, member)


def _actor(verdict: Verdict, member: Member | None) -> Actor:
    """The key itself acts; for a member it may do no more than he may."""
    role = Role.ADMIN if KEYS_MANAGE in verdict.scopes else Role.MEMBER
    if member is not None and member.role is not Role.ADMIN:
        role = Role.MEMBER
    return Actor(
        verdict.key_id or b"",
        Authentication.KEY,
        role,
        member.email if member else verdict.name or "",
        on_behalf_of=member.id if member else None,
    )


def _claimed(org: Organization, email: str | None) -> Member | None:
    if email is None:
        return None
    email = _in_utf8(email.strip())
    try:
        return org.member(email)
    except NotFound:
        raise Problem(
            ProblemKind.NOT_ALLOWED, f"On-Behalf-Of names {email[:80]!r}, who is no member of {org.name!r}"
        ) from None


def _in_utf8(text: str) -> str:
    """A header's text, which the framework reads as Latin-1, in the letters of people's names."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return text


def _require_permission(caller: Caller, operation: Operation) -> None:
    if caller.key_id is not None and operation.scopes and not set(operation.scopes) & set(caller.scopes):
        raise lacks_scope(caller.key_name, operation)
    if operation.by_person and caller.member is None:
        raise Problem(
            ProblemKind.NOT_ALLOWED, f"an {operation.role} must be behind this; name him in On-Behalf-Of"
        )
    if caller.member is not None and operation.role is Role.ADMIN and caller.member.role is not Role.ADMIN:
        raise Problem(
            ProblemKind.NOT_ALLOWED,
            f"{caller.member.email} has the role {caller.member.role}, and this needs an {operation.role}",
        )


def no_key(key_header: str) -> Problem:
    """Nobody is known, as no key was presented."""
    detail = f"present a key of your organization as `Authorization: Bearer KEY` or as `{key_header}: KEY`"
    return Problem(ProblemKind.NOT_AUTHENTICATED, detail, {"WWW-Authenticate": REALM})


def lacks_scope(key_name: str | None, operation: Operation) -> Problem:
    """The key is good, but not for this."""
    wanted = " or ".join(operation.scopes)
    return Problem(ProblemKind.NOT_ALLOWED, f"the key {key_name!r} lacks the scope that this needs: {wanted}")


def refused_key(verdict: Verdict) -> Problem:
    """The presented key is none, or refused."""
    reason = str(verdict.reason)
    said = "no organization here has such a key" if verdict.key_id is None else f"the key is {reason}"
    challenge = {"WWW-Authenticate": f'{REALM}, error="invalid_token"'}
    return Problem(ProblemKind.KEY_REFUSED, said, challenge, reason)


def _too_often(standing: Standing) -> Problem:
    detail = f"a key may ask {standing.limit} times a minute here; wait {standing.retry_after_s} seconds"
    return Problem(
        ProblemKind.TOO_MANY_REQUESTS, detail, {"Retry-After": str(standing.retry_after_s)} | standing.headers
    )
