"""Making keys: new ones, and successors.

A request with an Idempotency-Key makes one key, however often it comes.
"""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header
from msgspec import Meta
from starlette.responses import Response

from http_api.bodies import answer, decoded
from http_api.caller import Caller, CallerAtHand
from http_api.desk import Desk, DeskAtHand
from http_api.fields import (
    DURATION,
    LIFETIME,
    VISIBLE,
    Duration,
    KeyInPath,
    Moment,
    Name,
    Owner,
    Scopes,
    after,
    expiry,
)
from http_api.operations import CREATE_KEY, ROTATE_KEY, Operation
from http_api.problems import ProblemKind
from http_api.routes import Answer, route
from ledger import ids
from ledger.asked import EarlierKey
from ledger.errors import Conflict
from ledger.key_terms import Asked, NewKey, Succession
from ledger.moments import format_moment, parse_duration
from projections.documents.created import (
    CreatedDocument,
    RotatedDocument,
    created_document,
    rotated_document,
)

REPLAYED = "Idempotency-Replayed"
NEVER = "never"

router = APIRouter()

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=VISIBLE,
        description="Your own id of the request: a repeat of it makes nothing more.",
    ),
]


class KeyTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to be made.

    Without an owner the member it is done for answers for it, else whoever answers for the key that asks.
    """

    name: Name
    owner: Owner | None = None
    expires_at: Moment | None = None
    expires_in: Duration | None = None
    scopes: Scopes = []


class RotationTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a key is succeeded; the successor lives as long as the key was to, where nothing else is said."""

    overlap: Annotated[str, Meta(pattern=DURATION, description="How long the old key still works.")] = "7d"
    expires_in: Annotated[str, Meta(pattern=LIFETIME, description="Such as 90d, or never.")] | None = None


_CREATED = CreatedDocument(
    organization="acme",
    id="590670b2-3f14-4c0a-9d7e-0c2b8a1f6e55",
    name="ci-github-actions",
    secret="kl_...",  # noqa: S106 - stands for one
    masked="kl_1a2B...9zY8",
    expires_at="2026-08-29T12:00:00Z",
)
_ROTATED = RotatedDocument(
    **msgspec.structs.asdict(_CREATED),
    old_id="e705aa98-50b1-4f0e-8a34-9b6c1d2e3f40",
    overlap_ends_at="2026-06-07T12:00:00Z",
)
_REPLAYED_HEADER = {REPLAYED: "`true`."}
_REPEATED = "It was made by the same request before: no secret, which was shown then."


@route(
    router,
    CREATE_KEY,
    Answer(201, CreatedDocument, "The key, with its secret: it is shown once.", _CREATED),
    Answer(200, CreatedDocument, _REPEATED, headers=_REPLAYED_HEADER),
    body=KeyTerms,
    example=KeyTerms("ci-github-actions", "platform-team", expires_in="90d", scopes=["deploy"]),
    problems=(ProblemKind.CONFLICT, ProblemKind.IDEMPOTENCY_KEY_REUSED),
)
def create_key(
    desk: DeskAtHand,
    caller: CallerAtHand,
    terms: Annotated[KeyTerms, decoded(KeyTerms)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Make a key. The scope `keys:manage` can be granted only where On-Behalf-Of names an admin."""
    asked = _asked(CREATE_KEY, "", terms, caller, idempotency_key)
    expires_at = expiry(terms.expires_at, terms.expires_in, desk.clock())
    new = NewKey(terms.name, terms.owner, expires_at, tuple(terms.scopes), asked)

    def make() -> Response:
        created = desk.ledger.create_key(caller.org, caller.actor, new)
        return answer(created_document(created), 201)

    def repeat(earlier: EarlierKey) -> Response:
        document = CreatedDocument(**_told(caller, earlier))
        return answer(document, headers={REPLAYED: "true"})

    return _once(desk, caller, asked, make, repeat)


@route(
    router,
    ROTATE_KEY,
    Answer(201, RotatedDocument, "The successor, with its secret: it is shown once.", _ROTATED),
    Answer(200, RotatedDocument, _REPEATED, headers=_REPLAYED_HEADER),
    body=RotationTerms,
    example=RotationTerms("3d", "90d"),
    problems=(
        ProblemKind.NOT_FOUND,
        ProblemKind.AMBIGUOUS,
        ProblemKind.WRONG_STATE,
        ProblemKind.CONFLICT,
        ProblemKind.IDEMPOTENCY_KEY_REUSED,
    ),
)
def rotate_key(
    desk: DeskAtHand,
    caller: CallerAtHand,
    key: KeyInPath,
    terms: Annotated[RotationTerms, decoded(RotationTerms)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Make a successor with the key's name, owner and scopes; the old key works until the overlap ends."""
    asked = _asked(ROTATE_KEY, key, terms, caller, idempotency_key)

    def make() -> Response:
        credential = desk.ledger.find_key(caller.org, key)
        expires_at: int | msgspec.UnsetType | None = msgspec.UNSET
        if terms.expires_in is not None:
            lasts = terms.expires_in
            expires_at = None if lasts == NEVER else after(parse_duration(lasts), desk.clock())
        succession = Succession(expires_at, asked=asked)
        overlap = parse_duration(terms.overlap)
        rotated = desk.ledger.rotate_key(caller.org, caller.actor, credential, overlap, succession)
        return answer(rotated_document(rotated), 201)

    def repeat(earlier: EarlierKey) -> Response:
        old = desk.ledger.find_key(caller.org, ids.format_id(earlier.predecessor_id or b""))
        document = RotatedDocument(
            **_told(caller, earlier),
            old_id=ids.format_id(old.key_id),
            overlap_ends_at=format_moment(old.overlap_ends_at or 0),
        )
        return answer(document, headers={REPLAYED: "true"})

    return _once(desk, caller, asked, make, repeat)


def _asked(
    operation: Operation, path: str, body: msgspec.Struct, caller: Caller, key: str | None
) -> Asked | None:
    if key is None:
        return None
    claimed = caller.actor.on_behalf_of
    return Asked(key, ids.digest(operation.id, path, msgspec.msgpack.encode(body), claimed))


def _once(
    desk: Desk,
    caller: Caller,
    asked: Asked | None,
    make: Callable[[], Response],
    repeat: Callable[[EarlierKey], Response],
) -> Response:
    if asked is None:
        return make()
    if earlier := desk.ledger.earlier_key(caller.org, caller.actor, asked):
        return repeat(earlier)
    try:
        return make()
    except Conflict:
        # The same request came twice at once, and the other was first; or it was about something else.
        if earlier := desk.ledger.earlier_key(caller.org, caller.actor, asked):
            return repeat(earlier)
        raise


def _told(caller: Caller, earlier: EarlierKey) -> dict[str, Any]:
    return {
        "organization": caller.org.name,
        "id": ids.format_id(earlier.id),
        "name": earlier.name,
        "secret": None,
        "masked": earlier.masked,
        "expires_at": None if earlier.expires_at is None else format_moment(earlier.expires_at),
    }
