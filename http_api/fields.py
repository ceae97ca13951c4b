"""The fields that bodies and queries share, with their bounds."""

from datetime import timedelta
from typing import Annotated, TypeAlias

from fastapi import Path
from msgspec import Meta
from pydantic import AfterValidator

from http_api.problems import Problem, ProblemKind
from http_api.slashes import with_slashes
from ledger.api_key import MAX_NAME, MAX_REASON, MAX_SCOPES
from ledger.moments import LATEST, MICROSECOND, parse_duration, parse_moment

MAX_REFERENCE = 200
DURATION = r"^([0-9]{1,7}[wdhms]){1,5}$"
LIFETIME = r"^(never|([0-9]{1,7}[wdhms]){1,5})$"
MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9:.]{5,15}([Zz]|[+-][0-9]{2}:?[0-9]{2}))?$"
SCOPE = r"^[a-z0-9]+([:._-][a-z0-9]+)*$"
CURSOR = "^[A-Za-z0-9_=-]*$"
VISIBLE = "^[!-~]+$"
ID = "^[0-9a-f-]{32,36}$"

_IN_WORDS = {
    DURATION: "a duration such as 45d, 12h or 90m",
    LIFETIME: "a duration such as 90d, or never",
    MOMENT: "a time such as 2026-05-31T12:00:00Z, or a day",
    SCOPE: "a scope such as keys:check, in small letters",
    CURSOR: "the cursor that an answer gave as `next`",
    VISIBLE: "visible characters of ASCII without spaces",
    ID: "an id such as 590670b2-3f14-4c0a-9d7e-0c2b8a1f6e55",
}

Name: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=MAX_NAME, description="What it is for, such as ci-github-actions.")
]
Owner: TypeAlias = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_NAME, description="Who answers for it: a member's address or a name."),
]
Reason: TypeAlias = Annotated[str, Meta(max_length=MAX_REASON, description="Why, for the record: one line.")]
Reference: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1, max_length=MAX_REFERENCE, description="A key: its id, the id's beginning, or its name."
    ),
]
Moment: TypeAlias = Annotated[
    str,
    Meta(pattern=MOMENT, description="RFC 3339, such as 2026-05-31T12:00:00Z; or a day, from its midnight."),
]
Duration: TypeAlias = Annotated[str, Meta(pattern=DURATION, description="Such as 45d, 12h or 90m.")]
Scope: TypeAlias = Annotated[str, Meta(pattern=SCOPE, max_length=128, description="Such as keys:check.")]
Scopes: TypeAlias = Annotated[list[Scope], Meta(max_length=MAX_SCOPES, description="What it may do.")]
RuleId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, description="Such as aged-key.")]

KeyInPath: TypeAlias = Annotated[
    str,
    Path(
        alias="key",
        min_length=1,
        max_length=MAX_REFERENCE,
        description="The key's id, its beginning, or a name; a slash in it as %2F.",
    ),
    AfterValidator(with_slashes),
]


def in_words(fault: str) -> str:
    """What is wrong with a value, with our own patterns told as what they mean."""
    for pattern, words in _IN_WORDS.items():
        fault = fault.replace(f"`str` matching regex '{pattern}'", words)
        fault = fault.replace(f"String should match pattern '{pattern}'", f"Expected {words}")
    return fault


def expiry(expires_at: str | None, expires_in: str | None, now: int) -> int | None:
    """The moment that one of the two says; None where neither does."""
    if expires_at is not None and expires_in is not None:
        raise Problem(ProblemKind.INVALID, "expires_at and expires_in exclude each other")
    if expires_in is not None:
        return after(parse_duration(expires_in), now)
    return None if expires_at is None else parse_moment(expires_at)


def after(duration: timedelta, now: int) -> int:
    """The moment so long after now."""
    at = now + duration // MICROSECOND
    if at > LATEST:
        raise Problem(ProblemKind.INVALID, "that is longer than any time that can be written")
    return at
