"""Uses as services report them, and the events that they become."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

import msgspec

from ledger import ids
from ledger.actor import Stamp
from ledger.dialect import EventRow
from ledger.encoding import encode
from ledger.errors import InvalidInput
from ledger.events import KeyUsed, UseDetails
from ledger.moments import MICROSECOND, format_moment
from ledger.observation import ExternalKey
from ledger.secret import SHORTEST_SECRET, refuse_secrets
from ledger.use_shape import EARLIEST_PLAIN, plain_state, tail_of

FUTURE_TOLERANCE = timedelta(minutes=5)
MAX_COUNT = 1_000_000_000
MAX_TEXT = 512

# What plain uses say but for their moments (key, service, caller, reporter, address, agent, errors), with the
# end of their states, which says it too.
Tails: TypeAlias = dict[tuple[bytes, str, str | None, str | None, str | None, str | None, int], bytes]

_FUTURE_TOLERANCE_US = FUTURE_TOLERANCE // MICROSECOND
_TAILS_HELD = 20_000
_RANDOM_BYTES = 10
_DRAWN_AT_ONCE = 100


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
    if at > now + _FUTURE_TOLERANCE_US:
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


class Acceptance:
    """Makes events of the uses that one actor tells, under one stamp.

    Uses come by the million and say the same things of themselves again and again, so `tails` remembers what
    was checked and encoded already.
    """

    def __init__(self, stamp: Stamp, random_bytes: ids.RandomBytes, tails: Tails) -> None:
        self._organization_id = stamp.organization_id
        self._recorded_at = stamp.recorded_at
        self._plain_until = 0
        if stamp.recorded_at >= EARLIEST_PLAIN:
            self._plain_until = stamp.recorded_at + _FUTURE_TOLERANCE_US
        self._actor_id = stamp.actor.id
        self._authentication = stamp.actor.authentication
        self._random_bytes = random_bytes
        self._tails = tails
        self._drawn: list[bytes] = []

    def row(self, use: Use, key_id: bytes) -> EventRow:
        """The row that a use becomes; InvalidInput for one that cannot have happened as told."""
        state = self.state(use, key_id)
        return (self.stream_id(use), 1, KeyUsed.topic, state)

    def state(self, use: Use, key_id: bytes) -> bytes:
        """The stored form of a use's event; InvalidInput for one that cannot have happened as told."""
        at, errors = use.occurred_at, use.error_count
        is_plain = use.count == 1 and use.last_at is None and 0 <= errors <= 1
        if not is_plain or not EARLIEST_PLAIN <= at <= self._plain_until:
            return encode(self._event(use, key_id))
        said = (key_id, use.service, use.caller, use.reporter, use.source_ip, use.user_agent, errors)
        tail = self._tails.get(said)
        if tail is None:
            state = encode(self._event(use, key_id))
            if len(self._tails) >= _TAILS_HELD:
                self._tails.clear()
            self._tails[said] = tail_of(state)
            return state
        _check_given_id(use.given_id)
        return plain_state(at, self._recorded_at, tail)

    def stream_id(self, use: Use) -> bytes:
        """The id of the use's own stream: derived from the reporter's id of it, or made up without one.

        The organization, the reporter and the moment go into the hash, so a given id names one use of one
        reporter at one moment, and nobody can take it from him.
        """
        at = use.occurred_at
        if use.given_id is None:
            return ids.timed_id(at, self._drawn.pop() if self._drawn else self._draw())
        return ids.timed_id(at, ids.digest("use", self._organization_id, use.reporter, use.given_id, at))

    def _draw(self) -> bytes:
        # Many at once: to ask the system for each takes as long as all else that is done for a use.
        drawn = self._random_bytes(_RANDOM_BYTES * _DRAWN_AT_ONCE)
        self._drawn = [drawn[at : at + _RANDOM_BYTES] for at in range(0, len(drawn), _RANDOM_BYTES)]
        return self._drawn.pop()

    def _event(self, use: Use, key_id: bytes) -> KeyUsed:
        check_use(use, self._recorded_at)
        check_texts(use.service, use.caller, use.reporter, use.source_ip, use.user_agent)
        _check_given_id(use.given_id)
        personal = None
        if use.source_ip is not None or use.user_agent is not None:
            personal = UseDetails(use.source_ip, use.user_agent)
        return KeyUsed(
            use.occurred_at,
            self._recorded_at,
            self._organization_id,
            self._actor_id,
            self._authentication,
            key_id,
            use.service,
            use.caller,
            use.reporter,
            personal,
            use.count,
            use.error_count,
            use.last_at,
        )


def _check_given_id(given_id: str | None) -> None:
    if given_id is not None and (len(given_id) >= SHORTEST_SECRET or "\0" in given_id):
        check_text(given_id)
