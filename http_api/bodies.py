"""Bodies of requests: read up to a size, and decoded into what the operation takes."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from fastapi import Depends, Request
from starlette.responses import Response

from http_api.desk import DeskAtHand
from http_api.fields import in_words
from http_api.problems import Problem, ProblemKind

JSON = "application/json"

T = TypeVar("T", bound=msgspec.Struct)


class Saying(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body that must say something, though no field of it is required."""


def decoded(kind: type[T]) -> Any:  # noqa: ANN401 - as FastAPI types what it depends on
    """A dependency: the body as a struct of that kind."""
    return Depends(reader_of(kind))


def reader_of(kind: type[T]) -> Callable[..., Awaitable[T]]:
    """What reads a body into that kind of struct, or raises the Problem that it is."""
    decoder = msgspec.json.Decoder(kind)
    may_be_left_out = is_optional(kind)

    async def read(request: Request, desk: DeskAtHand) -> T:
        raw = await read_body(request, desk.settings.limits.body)
        if may_be_left_out and not raw:
            return kind()
        _require_json(request)
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError as error:
            raise Problem(ProblemKind.INVALID, in_words(str(error))) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Problem(ProblemKind.BAD_BODY, "the body is not JSON in UTF-8") from None

    return read


def is_optional(kind: type[msgspec.Struct]) -> bool:
    """Whether a body of that kind may say nothing, and so need not be sent."""
    is_filled = any(field.required for field in msgspec.structs.fields(kind))
    return not (is_filled or issubclass(kind, Saying))


async def read_body(request: Request, limit: int) -> bytes:
    """The body; it is read no further than the limit."""
    too_large = Problem(ProblemKind.TOO_LARGE, f"a body has {limit} bytes at most here")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > limit:
            raise too_large
    return bytes(raw)


def answer(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response that holds a document."""
    return Response(msgspec.json.encode(document), status, headers, JSON)


def _require_json(request: Request) -> None:
    said = request.headers.get("content-type", "")
    kind, _, rest = said.partition(";")
    parameters = rest.strip().lower().replace('"', "")
    if kind.strip().lower() != JSON or parameters not in ("", "charset=utf-8"):
        raise Problem(ProblemKind.UNSUPPORTED_MEDIA_TYPE, f"send the body as {JSON}, in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(ProblemKind.UNSUPPORTED_MEDIA_TYPE, "send the body as it is, without Content-Encoding")
