"""Uses as services report them, and what is refused of them."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

import msgspec

from ledger.errors import InvalidInput
from ledger.moments import MICROSECOND, format_moment
from ledger.observation import ExternalKey
from ledger.secret import SHORTEST_SECRET, refuse_secrets

FUTURE_TOLERANCE = timedelta(minutes=5)
MAX_COUNT = 1_000_000_000
MAX_TEXT = 512

FUTURE_TOLERANCE_US = FUTURE_TOLERANCE // MICROSECOND


class Use(msgspec.Struct, frozen=True, gc=False):
    """A use of a key (or `count` coalesced ones from `occurred_at` to `last_at`), not accepted yet.

    `key` is the id of a key that the ledger must know, or the outside name of one that it may meet here for
    the first time. `given_id` is the reporter's own id of the use, which makes a repeat recognizable. `where`
    says where the use was read (a line number, a file and record), for the refusal.
    """

    key: bytes | ExternalKey
    service: str
    occurred_at: int
    given_id: str | None = None
    caller: str | None = None
    reporter: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None
    count: int = 1
    error_count: int = 0
    last_at: int | None = None
    where: str | int = ""


class Refusal(msgspec.Struct, frozen=True):
    """Something that was read and cannot be stored, with the reason."""

    where: str | int
    reason: str


class Doubt(msgspec.Struct, frozen=True):
    """Something that was read and is kept, but for a part that cannot be right, with the reason."""

    where: str | int
    reason: str


OnDoubt: TypeAlias = Callable[[Doubt], object]


class Intake(msgspec.Struct):
    """What became of a stream of records.

    `read`, `stored`, `duplicates` and `refused` count uses and usage summaries (and unreadable lines);
    `observations` counts what else was stored: states of outside keys and declared coverage.
    """

    read: int = 0
    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    keys_registered: int = 0
    observations: int = 0


def check_not_future(at: int, now: int) -> None:
    """Raise InvalidInput for a moment that lies further ahead than clocks may differ."""
    if at > now + FUTURE_TOLERANCE_US:
        raise InvalidInput(
            f"{format_moment(at)} is in the future: it is {format_moment(now)} here"
            " and 5 minutes ahead is the most that is accepted; check the clock of the sender"
        )


def check_use(use: Use, now: int) -> None:
    """Raise InvalidInput for a use that cannot have happened as told; `now` is the ledger's own clock."""
    last_at = use.occurred_at if use.last_at is None else use.last_at
    check_not_future(last_at, now)
    if use.occurred_at < 0:
        raise InvalidInput("the use is older than 1970")
    if last_at < use.occurred_at:
        raise InvalidInput("last_at is earlier than occurred_at")
    if not 1 <= use.count <= MAX_COUNT:
        raise InvalidInput(f"count is {use.count}; it must be from 1 to {MAX_COUNT}")
    if not 0 <= use.error_count <= use.count:
        raise InvalidInput(f"error_count is {use.error_count}; it must be from 0 to the count, {use.count}")


def check_texts(service: str, *others: str | None) -> None:
    """Raise InvalidInput for texts about a use that cannot be stored."""
    if not service:
        raise InvalidInput("service is empty")
    for text in (service, *others):
        if text is not None:
            check_text(text)


def check_text(text: str) -> None:
    """Raise InvalidInput for a text that no database takes, that is too long or that holds a secret."""
    if "\0" in text:
        raise InvalidInput(f"{text[:20]!r} holds a NUL character")
    # Most texts are too short for either fault, or have not the two separators of a secret.
    if len(text) >= SHORTEST_SECRET and (text.count("_") > 1 or len(text) > MAX_TEXT):
        _check_long(text)


def _check_long(text: str) -> None:
    refuse_secrets("what was said of the use", text)
    if len(text) > MAX_TEXT:
        raise InvalidInput(f"{text[:20]!r}... has {len(text)} characters; {MAX_TEXT} is the most")
