"""Routes and what OpenAPI says of them, from the row of the permission table and the shapes that pass."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from http_api.bodies import JSON, is_optional
from http_api.operations import Operation
from http_api.problems import MEDIA_TYPE, ProblemKind

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

SCHEMA_REF = "#/components/schemas/{name}"

_OF_ALL = (
    ProblemKind.BAD_REQUEST,
    ProblemKind.TIMED_OUT,
    ProblemKind.HEAD_TOO_LARGE,
    ProblemKind.DEFECT,
    ProblemKind.UNAVAILABLE,
    ProblemKind.OVERLOADED,
)
_OF_CALLERS = (
    ProblemKind.NOT_AUTHENTICATED,
    ProblemKind.KEY_REFUSED,
    ProblemKind.NOT_ALLOWED,
    ProblemKind.INVALID,
    ProblemKind.TOO_MANY_REQUESTS,
)
_OF_BODIES = (ProblemKind.BAD_BODY, ProblemKind.TOO_LARGE, ProblemKind.UNSUPPORTED_MEDIA_TYPE)

_RATE_HEADERS = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in (
        ("RateLimit-Policy", "What the key may ask: `q` requests in `w` seconds."),
        ("RateLimit", "What is left: `r` requests, and `t` seconds until it is all again."),
    )
}


class Answer(msgspec.Struct, frozen=True):
    """What an operation answers where it goes well: a document, or nothing."""

    status: int
    kind: type[msgspec.Struct] | None
    about: str
    example: object = None
    headers: Mapping[str, str] = {}


def route(
    router: APIRouter,
    operation: Operation,
    *answers: Answer,
    body: type[msgspec.Struct] | None = None,
    example: object = None,
    media: Mapping[str, Any] | None = None,
    parameters: Sequence[Mapping[str, Any]] = (),
    problems: Sequence[ProblemKind] = (),
) -> Callable[[Endpoint], Endpoint]:
    """Make a function the endpoint of an operation. `example` is one of its body.

    `media` are the bodies and `parameters` the headers of one that reads its request itself.
    """
    kinds = [*_OF_ALL, *problems]
    if not operation.is_open:
        kinds += _OF_CALLERS
    if body is not None or media is not None:
        kinds += _OF_BODIES

    def register(endpoint: Endpoint) -> Endpoint:
        router.add_api_route(
            operation.path,
            endpoint,
            methods=[operation.method],
            operation_id=operation.id,
            summary=operation.summary,
            description=_description(operation, endpoint),
            tags=[operation.path.split("/")[2] if operation.path.startswith("/v1/") else "server"],
            status_code=answers[0].status,
            response_model=None,
            response_class=Response,
            responses={**{each.status: _answer(each, operation) for each in answers}, **_problems(kinds)},
            openapi_extra=_extra(operation, body, example, media, parameters),
        )
        return endpoint

    return register


def _description(operation: Operation, endpoint: Callable[..., Any]) -> str:
    said = (endpoint.__doc__ or "").strip()
    if operation.is_open:
        return said
    scopes = " or ".join(f"`{scope}`" for scope in operation.scopes)
    needs = f"Needs a key with {scopes}." if scopes else "Any key of an organization will do."
    person = f" On-Behalf-Of must name an {operation.role}." if operation.by_person else ""
    return f"{said}\n\n{needs}{person}"


def _answer(answer: Answer, operation: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.about}
    headers = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()
    }
    if not (operation.is_open or operation.is_hot):
        headers |= _RATE_HEADERS
    if headers:
        told["headers"] = headers
    if answer.kind is not None:
        content = {"schema": reference(answer.kind)}
        if answer.example is not None:
            content["example"] = msgspec.to_builtins(answer.example)
        told["content"] = {JSON: content}
    return told


def _problems(kinds: Sequence[ProblemKind]) -> dict[int | str, dict[str, Any]]:
    told: dict[int | str, dict[str, Any]] = {}
    for kind in dict.fromkeys(kinds):
        said = told.setdefault(
            kind.status,
            {
                "description": "",
                "content": {MEDIA_TYPE: {"schema": {"$ref": SCHEMA_REF.format(name="Problem")}}},
            },
        )
        said["description"] = "; ".join(filter(None, [said["description"], f"{kind.title} (`{kind.slug}`)"]))
    return told


def _extra(
    operation: Operation,
    body: type[msgspec.Struct] | None,
    example: object,
    media: Mapping[str, Any] | None,
    parameters: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    extra: dict[str, Any] = {"parameters": list(parameters)}
    if not operation.is_open:
        extra["security"] = [{"bearer": []}, {"header": []}]
        if not operation.is_hot:
            extra["parameters"].append({"$ref": "#/components/parameters/OnBehalfOf"})
    if media is not None:
        extra["requestBody"] = {"required": True, "content": media}
    if body is not None:
        content = {"schema": reference(body)}
        if example is not None:
            content["example"] = msgspec.to_builtins(example)
        extra["requestBody"] = {"required": not is_optional(body), "content": {JSON: content}}
    return extra


def reference(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Where the schema of a struct stands in the document."""
    SHAPES.add(kind)
    return {"$ref": SCHEMA_REF.format(name=kind.__name__)}


# What the routes have named, for the document to describe.
SHAPES: set[type[msgspec.Struct]] = set()
