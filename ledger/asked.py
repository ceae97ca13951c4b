"""Requests that may be repeated: a key that was asked for under an id of the caller's is made once.

The key's own id follows from who asked and the id that he gave, so that the store's unique index keeps a
second from being made, whichever process it is asked of. A secret is shown once: a repeat tells all but that.
"""

import msgspec

from ledger import ids
from ledger.actor import Actor
from ledger.errors import NotFound, Reused
from ledger.events import KeyCreated
from ledger.key_terms import Asked
from ledger.organization import Organization
from ledger.streams import Streams


class EarlierKey(msgspec.Struct, frozen=True):
    """A key that an earlier request of the same id made; its secret was shown then."""

    id: bytes
    name: str
    masked: str
    expires_at: int | None
    predecessor_id: bytes | None


def id_of_asked(org: Organization, actor: Actor, asked: Asked) -> bytes:
    """The id of the key that a request makes."""
    return ids.hashed_id("asked", org.id, actor.id, asked.id)


def earlier_key(streams: Streams, org: Organization, actor: Actor, asked: Asked) -> EarlierKey | None:
    """The key that this request made before, if it did; Reused where another request had that id."""
    key_id = id_of_asked(org, actor, asked)
    found = streams.events(key_id)
    if not found:
        return None
    _, event = found[0]
    if not isinstance(event, KeyCreated):
        raise NotFound(f"no key {ids.format_id(key_id)} was minted here")
    if event.request_digest != asked.digest:
        raise Reused(
            "this Idempotency-Key came with another request before; take a new one for each thing to be made"
        )
    return EarlierKey(key_id, event.name, event.masked, event.expires_at, event.predecessor_id)
