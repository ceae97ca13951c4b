"""What went wrong, as RFC 9457 tells it: each kind has a type that never changes."""

from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from ledger.errors import (
    Ambiguous,
    Conflict,
    InvalidInput,
    KeyledgerError,
    LedgerCorrupt,
    LedgerUnavailable,
    NotAllowed,
    NotFound,
    Overloaded,
    Reused,
    WrongState,
)
from ledger.secret import mask_secrets

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:keyledger:problem:"
RETRY_AFTER_S = 1
# Nobody restores a ledger sooner.
RETRY_DAMAGED_AFTER_S = 60


class ProblemKind(Enum):
    """The kinds: name in the type's URI, status, title."""

    BAD_REQUEST = ("bad-request", 400, "The request cannot be read")
    BAD_BODY = ("bad-body", 400, "The body cannot be read")
    NOT_AUTHENTICATED = ("not-authenticated", 401, "No key was presented")
    KEY_REFUSED = ("key-refused", 401, "The presented key is not accepted")
    NOT_ALLOWED = ("not-allowed", 403, "The caller may not do this")
    NOT_FOUND = ("not-found", 404, "There is no such thing")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "This is not done here")
    TIMED_OUT = ("timed-out", 408, "The request took too long to arrive")
    AMBIGUOUS = ("ambiguous", 409, "The name means several keys")
    WRONG_STATE = ("wrong-state", 409, "The state of things rules this out")
    CONFLICT = ("conflict", 409, "Somebody else was first")
    TOO_LARGE = ("too-large", 413, "The body is too large")
    UNSUPPORTED_MEDIA_TYPE = ("unsupported-media-type", 415, "The body is of a kind that is not read here")
    INVALID = ("invalid", 422, "A value cannot be right")
    IDEMPOTENCY_KEY_REUSED = (
        "idempotency-key-reused",
        422,
        "The Idempotency-Key was used for another request",
    )
    TOO_MANY_REQUESTS = ("too-many-requests", 429, "The key asks too often")
    HEAD_TOO_LARGE = ("head-too-large", 431, "The header fields are too large")
    DEFECT = ("defect", 500, "Something failed that should not")
    UNAVAILABLE = ("unavailable", 503, "The ledger cannot be used now")
    OVERLOADED = ("overloaded", 503, "The server has too much to do")

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title

    @property
    def uri(self) -> str:
        """The type of the problem."""
        return TYPE_PREFIX + self.slug


class ProblemDocument(msgspec.Struct, frozen=True):
    """A problem as it is sent."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    reason: str | msgspec.UnsetType = msgspec.UNSET


class Problem(Exception):
    """An answer that says why there is no other; `detail` says what happened and what to do.

    `reason` is the word for machines where a kind has several causes.
    """

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        headers: Mapping[str, str] | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        # Messages quote what was given, and anything may have been given.
        self.detail = mask_secrets(detail)
        self.headers = dict(headers or {})
        self.reason = reason

    def answer(self, request_id: str) -> Response:
        """The response."""
        document = ProblemDocument(
            self.kind.uri,
            self.kind.title,
            self.kind.status,
            self.detail,
            request_id,
            self.reason or msgspec.UNSET,
        )
        return Response(msgspec.json.encode(document), self.kind.status, self.headers, MEDIA_TYPE)


_KINDS: tuple[tuple[type[KeyledgerError], ProblemKind], ...] = (
    (InvalidInput, ProblemKind.INVALID),
    (NotFound, ProblemKind.NOT_FOUND),
    (Ambiguous, ProblemKind.AMBIGUOUS),
    (NotAllowed, ProblemKind.NOT_ALLOWED),
    (Reused, ProblemKind.IDEMPOTENCY_KEY_REUSED),
    (WrongState, ProblemKind.WRONG_STATE),
    (Conflict, ProblemKind.CONFLICT),
)


OUT_OF_REACH = (
    "the server cannot reach its ledger just now, and what it was storing may be there or not; try again"
)


def problem_of(error: Exception) -> Problem:
    """The problem that an error of the ledger is; of what nobody foresaw nothing is told."""
    for kind_of_error, kind in _KINDS:
        if isinstance(error, kind_of_error):
            return Problem(kind, str(error))
    if isinstance(error, LedgerUnavailable):
        return unavailable()
    if isinstance(error, LedgerCorrupt):
        damaged = "the server's ledger is damaged; its operator must restore it from a backup"
        return unavailable(damaged, RETRY_DAMAGED_AFTER_S)
    if isinstance(error, Overloaded):
        return Problem(ProblemKind.OVERLOADED, str(error), {"Retry-After": str(RETRY_AFTER_S)})
    return Problem(
        ProblemKind.DEFECT, "this is a defect of keyledger; its log tells more under the id of the request"
    )


def unavailable(detail: str = OUT_OF_REACH, retry_after_s: int = RETRY_AFTER_S) -> Problem:
    """The ledger is out of reach; why is the operator's business and stands in the log."""
    return Problem(ProblemKind.UNAVAILABLE, detail, {"Retry-After": str(retry_after_s)})


def problem_of_status(status: int, headers: Mapping[str, str] | None) -> Problem:
    """The problem behind a bare status of the framework: no such path, no such method."""
    for kind in (ProblemKind.NOT_FOUND, ProblemKind.METHOD_NOT_ALLOWED, ProblemKind.BAD_REQUEST):
        if kind.status == status:
            return Problem(kind, _DETAILS[kind], headers)
    return Problem(ProblemKind.DEFECT, HTTPStatus(status).phrase, headers)


_DETAILS: dict[ProblemKind, str] = {
    ProblemKind.NOT_FOUND: "nothing is at this path; /openapi.json lists what there is",
    ProblemKind.METHOD_NOT_ALLOWED: "the path knows other methods only; the Allow header names them",
    ProblemKind.BAD_REQUEST: "the request cannot be read as HTTP",
}


def example(kind: ProblemKind, detail: str) -> dict[str, Any]:
    """The problem as documentation shows it."""
    document = ProblemDocument(kind.uri, kind.title, kind.status, detail, "3f2a9c0d5b7e4f61")
    found: dict[str, Any] = msgspec.to_builtins(document)
    return found
