"""Uses accepted: checked, and made the rows that they are stored as."""

from collections.abc import Sequence
from typing import TypeAlias

from ledger import ids
from ledger.actor import Stamp
from ledger.dialect import EventRow
from ledger.encoding import encode
from ledger.events import Authentication, KeyUsed, UseDetails
from ledger.secret import SHORTEST_SECRET
from ledger.usage import FUTURE_TOLERANCE_US, Use, check_text, check_texts, check_use
from ledger.use_shape import EARLIEST_PLAIN, plain_state, tail_of

# The organization, who tells it and how he is known.
_Told: TypeAlias = tuple[bytes, bytes | None, Authentication]
# Service, caller, reporter, address and agent.
_Texts: TypeAlias = tuple[str, str | None, str | None, str | None, str | None]
# What plain uses say but for their moments, their errors last, with the end of their states.
Tails: TypeAlias = dict[tuple[_Told, bytes, *_Texts, int], bytes]

_TAILS_HELD = 20_000
_LONGEST_HELD = 512
_RANDOM_BYTES = 10
_DRAWN_AT_ONCE = 100


class Acceptance:
    """Makes rows of the uses that one actor tells, under one stamp.

    Uses come by the million and say the same things of themselves again and again, so `tails` remembers what
    was checked and encoded already.
    """

    def __init__(self, stamp: Stamp, random_bytes: ids.RandomBytes, tails: Tails) -> None:
        self._organization_id = stamp.organization_id
        self._recorded_at = stamp.recorded_at
        self._plain_until = 0
        if stamp.recorded_at >= EARLIEST_PLAIN:
            self._plain_until = stamp.recorded_at + FUTURE_TOLERANCE_US
        self._random_bytes = random_bytes
        self._told = (stamp.organization_id, stamp.actor.id, stamp.actor.authentication)
        self._tails = tails
        self._drawn: list[bytes] = []

    def rows(self, uses: Sequence[Use], key_ids: Sequence[bytes]) -> list[EventRow]:
        """The rows that uses become; InvalidInput or UnicodeEncodeError where one of them becomes none."""
        # By columns: one row after the other takes a quarter longer.
        states = list(map(self.state, uses, key_ids))
        stream_ids = self._stream_ids(uses)
        return [
            (stream_id, 1, KeyUsed.topic, state) for stream_id, state in zip(stream_ids, states, strict=True)
        ]

    def _stream_ids(self, uses: Sequence[Use]) -> list[bytes]:
        if any(use.given_id is None for use in uses):
            return [self.stream_id(use) for use in uses]
        org = self._organization_id
        said = [("use", org, use.reporter, use.given_id, use.occurred_at) for use in uses]
        return ids.timed_ids([use.occurred_at for use in uses], ids.digests(said))

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
        said = (
            self._told,
            key_id,
            use.service,
            use.caller,
            use.reporter,
            use.source_ip,
            use.user_agent,
            errors,
        )
        tail = self._tails.get(said)
        if tail is None:
            state = encode(self._event(use, key_id))
            # A truth value is equal to a number, but not encoded as one.
            if len(state) <= _LONGEST_HELD and type(use.count) is type(errors) is int:
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
            *self._told,
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
