"""Leaks: the secret of a key was found in a place. Of each key and place there is one report for ever.

Reports are streams of their own: they never compete with the decisions on the key.
"""

from collections.abc import Iterable

import msgspec

from ledger import credentials, ids
from ledger.actor import Actor, Stamp, require_admin
from ledger.audit_events import KeyLeakReported
from ledger.errors import Conflict, InvalidInput, NotFound
from ledger.ledger import Ledger
from ledger.organization import Organization
from ledger.secret import refuse_secrets
from ledger.streams import Decision, Streams

MAX_PLACE = 4096
DOING = "record leaks"


class LeakedAt(msgspec.Struct, frozen=True):
    """A key, and where its secret was found: a path or commit with the line, and nothing of what is there."""

    key_id: bytes
    place: str


class Leaks:
    """The reports of leaks in one organization, by one of its admins."""

    def __init__(self, ledger: Ledger, org: Organization, actor: Actor) -> None:
        self._ledger = ledger
        self._org = org
        self._actor = actor
        self._streams = Streams(ledger.recorder)

    def report(self, leaks: Iterable[LeakedAt]) -> int:
        """Record those that are not recorded yet, all or nothing; returns how many they were.

        Raises NotFound for a key of another organization.
        """
        require_admin(self._actor, DOING)
        asked = {self._stream_of(leak): leak for leak in leaks}
        for leak in asked.values():
            _check_place(leak.place)
        self._check_known({leak.key_id for leak in asked.values()})
        while True:
            new = {stream: leak for stream, leak in asked.items() if not self._streams.events(stream)}
            if not new:
                return 0
            stamp = Stamp(self._org.id, self._actor, self._ledger.clock())
            try:
                self._streams.append([_decision(stream, leak, stamp) for stream, leak in new.items()])
            except Conflict:
                # Somebody else has just reported one of them: it is not new any more.
                continue
            return len(new)

    def _stream_of(self, leak: LeakedAt) -> bytes:
        return ids.hashed_id("leak", self._org.id, leak.key_id, leak.place)

    def _check_known(self, key_ids: set[bytes]) -> None:
        with self._ledger.database.read() as connection:
            unknown = key_ids - credentials.known(connection, self._org.id, key_ids)
        for key_id in sorted(unknown):
            raise NotFound(f"no key {ids.format_id(key_id)} is in {self._org.name!r}")


def _decision(stream_id: bytes, leak: LeakedAt, stamp: Stamp) -> Decision:
    return Decision(stream_id, 1, KeyLeakReported(*stamp.header(), key_id=leak.key_id, place=leak.place))


def _check_place(place: str) -> None:
    refuse_secrets("the place", place)
    if not place or len(place) > MAX_PLACE or not place.isprintable():
        raise InvalidInput(f"a place has 1 to {MAX_PLACE} printable characters; {place[:20]!r}... is none")
