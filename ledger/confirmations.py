"""Confirmations: somebody who answers for a key says that it is needed still."""

from collections.abc import Iterable

from ledger import ids
from ledger.actor import Actor, Stamp
from ledger.api_key import validate_reason
from ledger.audit_events import KeyConfirmed
from ledger.credentials import Credential
from ledger.errors import NotAllowed, WrongState
from ledger.events import KeyState, Role
from ledger.ledger import Ledger
from ledger.organization import Organization
from ledger.streams import Decision, Streams


def confirm_keys(
    ledger: Ledger, org: Organization, actor: Actor, keys: Iterable[Credential], reason: str | None = None
) -> int:
    """Record, of all keys or of none, that they are needed still; returns how many they are.

    An admin may say so of any key, a member of those that the member owns.
    """
    said = validate_reason(reason)
    known = {key.key_id: key for key in keys}
    for key in known.values():
        _require_confirmable(ledger, org, actor, key)
    stamp = Stamp(org.id, actor, ledger.clock())
    decisions = [
        Decision(
            ids.random_id(ledger.random_bytes), 1, KeyConfirmed(*stamp.header(), key_id=key_id, reason=said)
        )
        for key_id in known
    ]
    Streams(ledger.recorder).append(decisions)
    return len(decisions)


def _require_confirmable(ledger: Ledger, org: Organization, actor: Actor, key: Credential) -> None:
    called = key.name or key.external_id
    if not key.is_minted_here:
        if actor.role is not Role.ADMIN:
            raise NotAllowed(f"{actor.name} has the role {actor.role}; ask an admin to confirm {called}")
        return
    state = ledger.key(org, key)
    if actor.role is not Role.ADMIN and state.owner_id != actor.id:
        raise NotAllowed(
            f"{actor.name} is neither the owner of {called} nor an admin; ask one of them to confirm it"
        )
    if state.state is KeyState.REVOKED:
        raise WrongState(f"the key {called!r} is revoked: there is nothing to confirm")
