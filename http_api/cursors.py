"""Cursors: where a list was left, opaque to whoever brings it back."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from fastapi import Query

from http_api.fields import CURSOR
from http_api.problems import Problem, ProblemKind

MAX_PAGE = 1000
DEFAULT_PAGE = 100
MAX_CURSOR = 1024

T = TypeVar("T")

# What a list is in the order of: a cursor holds that of the last one sent.
Place: TypeAlias = tuple[str, ...]

PageLimit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="So many at most.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=MAX_CURSOR,
        pattern=CURSOR,
        description="`next` of the answer before: go on there.",
    ),
]


def page(
    items: Sequence[T], place: Callable[[T], Place], limit: int, cursor: str | None
) -> tuple[Sequence[T], str | None]:
    """The items after a cursor, and the cursor to go on with; the items are in the order of their places."""
    if cursor:
        after = _decoded(cursor)
        items = [item for item in items if place(item) > after]
    shown = items[:limit]
    return shown, _encoded(place(shown[-1])) if len(items) > limit else None


def _encoded(place: Place) -> str:
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _decoded(cursor: str) -> Place:
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(raw, type=tuple[str, ...])
    except (ValueError, msgspec.MsgspecError):
        raise Problem(ProblemKind.INVALID, "the cursor is none of this list; begin without one") from None
