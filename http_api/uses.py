"""`POST /v1/uses`: services append uses in bulk, streamed and in bounded memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from http_api.bodies import answer
from http_api.caller import Caller, CallerAtHand, caller_of, presented_secret
from http_api.channel import Channel
from http_api.desk import Desk, DeskAtHand
from http_api.figures import USES
from http_api.operations import APPEND_USES
from http_api.packed import bounded, too_large, unpacked
from http_api.problems import Problem, ProblemKind
from http_api.routes import Answer, reference, route
from http_api.settings import Limits
from ledger.actor import Actor
from ledger.events import Authentication, Role
from ledger.importers.lines import Lines
from ledger.importers.ndjson import MAX_LINE, Line, read_uses
from ledger.ledger import Ledger
from ledger.organization import Organization
from ledger.scopes import USES_APPEND
from ledger.usage import Intake, Refusal
from ledger.verdict import Verdict
from projections.documents.intake import IntakeDocument, RefusedLine, intake_document

NDJSON = "application/x-ndjson"
JSON = "application/json"
MAX_REFUSALS = 100

_PARTS_UNDER_WAY = 4
_REMEMBERED = 10_000
_MOST_ELEMENTS = 50_000
_MOST_COMMAS = _MOST_ELEMENTS * len(Line.__struct_fields__)

router = APIRouter()

_LINE = '{"key": "billing-worker", "service": "payments", "occurred_at": "2026-05-31T12:00:00Z", "id": "1"}\n'
_ANSWER = IntakeDocument(
    read=1000,
    stored=998,
    duplicates=1,
    refused=1,
    keys_registered=0,
    observations=0,
    refusals=(RefusedLine(17, "unknown key 'biling': `keyledger key list` shows the keys"),),
)
_MEDIA: dict[str, Any] = {
    NDJSON: {"schema": {"type": "string"}, "example": _LINE},
    JSON: {"schema": {"type": "array", "items": reference(Line)}},
}


@route(
    router,
    APPEND_USES,
    Answer(200, IntakeDocument, "What became of them; what is stored is on disk.", _ANSWER),
    media=_MEDIA,
    problems=(ProblemKind.OVERLOADED,),
)
async def append_uses(request: Request, desk: DeskAtHand, caller: CallerAtHand) -> Response:
    """Append uses, a JSON object a line, or up to 50,000 in an array of at most 4 MiB; packed by gzip or not.

    A line that is refused is told with its number and reason, up to 100 of them; the others are stored. A
    line with an `id` may be sent again, and so may a whole body of such: it counts once. Where a body turns
    out to be broken, what came before the fault may be stored; send it again.
    """
    limits = desk.settings.limits
    parts = _parts(request, limits)
    with desk.bodies.one_of(caller.key_id or b""):
        channel: Channel[list[bytes]] = Channel(_PARTS_UNDER_WAY)
        sending = asyncio.create_task(_send(parts, channel))
        try:
            counts, refusals = await run_in_threadpool(_record, desk, caller, request, channel)
        finally:
            sending.cancel()
    for outcome in ("stored", "duplicates", "refused"):
        USES.labels(outcome).inc(getattr(counts, outcome))
    return answer(intake_document(counts, refusals))


def reporting_actor(caller: Caller) -> Actor:
    """Who reports, whose scope lets him though he is no admin."""
    actor = caller.actor
    return Actor(actor.id, Authentication.KEY, Role.ADMIN, actor.name, on_behalf_of=actor.on_behalf_of)


def _record(
    desk: Desk, caller: Caller, request: Request, channel: Channel[list[bytes]]
) -> tuple[Intake, list[Refusal]]:
    refusals: list[Refusal] = []

    def refuse(refusal: Refusal) -> None:
        if len(refusals) < MAX_REFUSALS:
            refusals.append(refusal)

    lines = _while_accepted(channel, desk, request)
    try:
        uses = read_uses(lines, _resolver(desk.ledger, caller.org))
        return desk.ledger.record_uses(caller.org, reporting_actor(caller), uses, refuse), refusals
    finally:
        channel.abandon()


def _while_accepted(parts: Iterable[list[bytes]], desk: Desk, request: Request) -> Iterator[bytes]:
    """The lines as long as the key is good for them: a body may take long, and a revocation holds at once."""
    secret = presented_secret(request, desk.settings.key_header)
    for part in parts:
        if secret is None or not _may_append(desk.ledger.check(secret)):
            # Asked once more, for the record.
            caller_of(request, desk, APPEND_USES)
        yield from part


def _may_append(verdict: Verdict) -> bool:
    return verdict.valid and USES_APPEND in verdict.scopes


def _resolver(ledger: Ledger, org: Organization) -> Callable[[str], bytes | None]:
    return lru_cache(_REMEMBERED)(ledger.resolver(org))


async def _send(parts: AsyncIterator[list[bytes]], channel: Channel[list[bytes]]) -> None:
    try:
        async for part in parts:
            if part and not await channel.send(part):
                return
    except BaseException as error:
        channel.end(error)
        if isinstance(error, asyncio.CancelledError):
            raise
    else:
        channel.end()


def _parts(request: Request, limits: Limits) -> AsyncIterator[list[bytes]]:
    """The lines of the body, some at a time."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.uses_body:
        raise too_large(limits.uses_body)
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if coding not in ("identity", "gzip"):
        raise Problem(ProblemKind.UNSUPPORTED_MEDIA_TYPE, "pack the body by gzip, or not at all")
    body = request.stream()
    if coding == "gzip":
        parts = unpacked(body, limits.uses_body, limits.uses_unpacked)
    else:
        parts = bounded(body, limits.uses_body)
    if kind == JSON:
        return _elements(parts, limits.uses_array)
    if kind in (NDJSON, "application/ndjson", "application/jsonl"):
        return _lines(parts)
    raise Problem(ProblemKind.UNSUPPORTED_MEDIA_TYPE, f"send the uses as {NDJSON}, or as {JSON} in an array")


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    lines = Lines(MAX_LINE)
    async for part in parts:
        yield lines.of(part)
    yield lines.rest()


async def _elements(parts: AsyncIterator[bytes], limit: int) -> AsyncIterator[list[bytes]]:
    """Each element of an array as the line that it would be."""
    whole = bytearray()
    async for part in parts:
        whole += part
        if len(whole) > limit:
            raise too_large(limit, f"as an array, which is read as a whole, or else as {NDJSON}, ")
    # A use has some commas of its own; what has more is of elements too small to be uses, each of which would
    # take fifty times its size.
    if whole.count(b",") > _MOST_COMMAS:
        raise Problem(
            ProblemKind.TOO_LARGE, f"an array has {_MOST_ELEMENTS} uses at most here; send it in parts"
        )
    try:
        elements = msgspec.json.decode(whole, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Problem(ProblemKind.BAD_BODY, "the body is no JSON array in UTF-8") from None
    yield [bytes(element) for element in elements]
