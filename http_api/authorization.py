"""`GET /v1/authorize`: gateways ask whether a request may pass (nginx auth_request, Traefik, Envoy)."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from http_api.caller import no_key, presented_secret, refused_key, source_address
from http_api.check import checks_of
from http_api.desk import desk_of
from http_api.operations import AUTHORIZE
from http_api.problems import Problem, ProblemKind
from http_api.routes import Answer, route
from ledger.ids import format_id
from ledger.scopes import KEYS_CHECK
from ledger.secret import MAX_SECRET, Secret, mask_secrets
from ledger.usage import MAX_TEXT
from ledger.verdict import Presented, Reason, Verdict

GATEWAY_KEY = "keyledger-gateway-key"
SERVICE = "x-keyledger-service"
CALLER = "x-keyledger-caller"
UNNAMED = "gateway"

router = APIRouter()


def _header(name: str, about: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": about,
        "schema": {"type": "string"},
    }


@route(
    router,
    AUTHORIZE,
    Answer(
        204,
        None,
        "The request may pass, as the key that the headers name.",
        headers={
            "X-Keyledger-Organization": "The key's organization.",
            "X-Keyledger-Key-Id": "Its id.",
            "X-Keyledger-Key-Name": "Its name; what is not ASCII is percent-encoded.",
            "X-Keyledger-Scopes": "Its scopes, with blanks between.",
        },
    ),
    parameters=(
        _header("Authorization", "`Bearer` and the presented key, where it is not in the header for keys."),
        _header("Keyledger-Gateway-Key", "A key of the gateway's own, with the scope `keys:check`."),
        _header("X-Keyledger-Service", "What the request is for; else its host."),
        _header("X-Keyledger-Caller", "Who presented the key, if that is known."),
    ),
    problems=(
        ProblemKind.NOT_AUTHENTICATED,
        ProblemKind.KEY_REFUSED,
        ProblemKind.NOT_ALLOWED,
        ProblemKind.INVALID,
        ProblemKind.OVERLOADED,
    ),
)
async def authorize(request: Request) -> Response:
    """For gateways: 204 where the presented key is valid, 401 where it is none, 403 where it is refused.

    The use, or the denial, is on disk before the answer. A gateway with a key of its own lets pass keys of
    its organization alone. What is asked below `/v1/authorize/`, by any method, is answered alike, but 200
    for 204: Envoy asks so.
    """
    settings, checks = desk_of(request).settings, checks_of(request)
    secret = presented_secret(request, settings.key_header)
    if secret is None:
        raise no_key(settings.key_header)
    gateway = request.headers.get(GATEWAY_KEY)
    presented = _presented(request, source_address(request) if gateway is None else _forwarded(request))
    if gateway is None:
        if settings.gateway_keys:
            raise Problem(
                ProblemKind.NOT_ALLOWED,
                "the gateway must say who it is here: give it a key with the scope keys:check and let it"
                " send that as Keyledger-Gateway-Key",
            )
        verdict = await checks.verdict(secret, presented)
    else:
        asker = Secret(gateway.strip()[: MAX_SECRET + 1])
        own, verdict = await checks.asked_by(asker, KEYS_CHECK, source_address(request), secret, presented)
        if not own.valid or KEYS_CHECK not in own.scopes:
            raise Problem(
                ProblemKind.NOT_ALLOWED,
                "the gateway's own key is not accepted, or lacks the scope keys:check",
            )
    if not verdict.valid:
        raise _refused(verdict)
    status = 204 if request.scope["path"] == AUTHORIZE.path else 200
    return Response(status_code=status, headers=_headers(verdict))


def _presented(request: Request, source_ip: str | None) -> Presented:
    headers = request.headers
    service = headers.get(SERVICE) or headers.get("x-forwarded-host") or headers.get("host") or UNNAMED
    return Presented(
        _text(service) or UNNAMED,
        _text(headers.get(CALLER)),
        None,
        source_ip,
        _text(headers.get("user-agent")),
    )


def _forwarded(request: Request) -> str | None:
    """The address that a gateway with a key of its own tells: what it has added itself stands last.

    Where that key turns out not to be accepted, nothing is recorded of the request.
    """
    told = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    return _text(told) or source_address(request)


def _text(said: str | None) -> str | None:
    """What a client wrote into a header, so that no request is refused for it."""
    return mask_secrets(said)[:MAX_TEXT] if said else None


def _refused(verdict: Verdict) -> Problem:
    if verdict.reason is Reason.UNKNOWN:
        return refused_key(verdict)
    reason = str(verdict.reason)
    return Problem(ProblemKind.NOT_ALLOWED, f"the key is {reason}", reason=reason)


def _headers(verdict: Verdict) -> dict[str, str]:
    return {
        "X-Keyledger-Organization": quote(verdict.organization or "", safe=" "),
        "X-Keyledger-Key-Id": format_id(verdict.key_id or b""),
        "X-Keyledger-Key-Name": quote(verdict.name or "", safe=" "),
        "X-Keyledger-Scopes": " ".join(verdict.scopes),
    }
