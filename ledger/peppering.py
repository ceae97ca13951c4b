"""Which peppers the hashes of keys were made under, as their creations tell."""

from sqlalchemy import Connection, func, select

from ledger.encoding import decode
from ledger.errors import WrongState
from ledger.events import KeyCreated, KeyState
from ledger.moments import LATEST
from ledger.schema import credentials, events
from ledger.secret import Peppers


def require_peppers(connection: Connection, peppers: Peppers, now: int) -> None:
    """Raise WrongState where keys that may be used now or again were hashed under peppers not at hand.

    Without them a secret of theirs looks like one that nobody ever made.
    """
    lacking = sorted(_peppers_in_use(connection, now) - peppers.keys.keys())
    if lacking:
        names = ", ".join(map(repr, lacking))
        raise WrongState(
            f"secrets of keys here are hashed under the pepper {names}, which is not at hand, so those keys"
            " cannot be recognized: name the file that has it by KEYLEDGER_PEPPER_FILE or by pepper_file in"
            " keyledger.toml"
        )


def _peppers_in_use(connection: Connection, now: int) -> set[str]:
    keys = credentials.c
    # One that has expired may be given another end.
    may_be_used = [
        keys.fingerprint.is_not(None),
        keys.state != KeyState.REVOKED,
        func.coalesce(keys.overlap_ends_at, LATEST) > now,
    ]
    creation = (events.c.originator_version == 1) & (events.c.topic == KeyCreated.topic)
    query = (
        select(events.c.topic, events.c.state)
        .join(credentials, keys.key_id == events.c.originator_id)
        .where(*may_be_used, creation)
    )
    created = (decode(topic, state) for topic, state in connection.execute(query))
    return {event.pepper_id for event in created if isinstance(event, KeyCreated) and event.pepper_id}
