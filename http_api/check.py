"""`POST /v1/check`: services ask whether a secret is valid."""

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from http_api.bodies import answer, reader_of
from http_api.caller import lacks_scope, no_key, presented_secret, refused_key, source_address
from http_api.checks import Checks
from http_api.desk import desk_of
from http_api.operations import CHECK
from http_api.problems import ProblemKind
from http_api.routes import Answer, route
from ledger.scopes import KEYS_CHECK
from ledger.secret import MAX_SECRET, Secret
from ledger.verdict import Presented
from projections.documents.verdict import VerdictDocument, verdict_document

router = APIRouter()


class Presentation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A secret that was presented to a service, and what that knows of who presented it."""

    secret: str
    service: str
    caller: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None


_read = reader_of(Presentation)

_EXAMPLE = Presentation("kl_NWOkfPN0uGSu...", "payments", "web-1", "192.0.2.7", "curl/8.5.0")
_ANSWER = VerdictDocument(
    valid=True,
    reason=None,
    organization="acme",
    key_id="590670b2-3f14-4c0a-9d7e-0c2b8a1f6e55",
    name="billing-worker",
    scopes=("deploy",),
)


@route(
    router,
    CHECK,
    Answer(200, VerdictDocument, "The verdict, be it good or bad.", _ANSWER),
    body=Presentation,
    example=_EXAMPLE,
    problems=(ProblemKind.OVERLOADED,),
)
async def check(request: Request) -> Response:
    """Whether a secret of the organization is valid now, and why not.

    The use, or the denial, is on disk before the answer. To an end of a key that has returned no server and
    no process gives another answer. A key of another organization is unknown.
    """
    desk, checks = desk_of(request), checks_of(request)
    asker = presented_secret(request, desk.settings.key_header)
    if asker is None:
        raise no_key(desk.settings.key_header)
    said = await _read(request, desk)
    about_asker, verdict = await checks.asked_by(
        asker,
        KEYS_CHECK,
        source_address(request),
        Secret(said.secret[: MAX_SECRET + 1]),
        Presented(said.service, said.caller, None, said.source_ip, said.user_agent),
    )
    if not about_asker.valid:
        raise refused_key(about_asker)
    if KEYS_CHECK not in about_asker.scopes:
        raise lacks_scope(about_asker.name, CHECK)
    return answer(verdict_document(verdict))


def checks_of(request: Request) -> Checks:
    """The checks of the process that a request came to."""
    checks: Checks = request.app.state.checks
    return checks
