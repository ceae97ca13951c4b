"""Which peppers the hashes of keys were made under, as their creations tell."""

from sqlalchemy import Connection, select

from ledger.encoding import decode
from ledger.errors import WrongState
from ledger.events import KeyCreated, KeyState
from ledger.schema import credentials, events
from ledger.secret import Peppers


def require_peppers(connection: Connection, peppers: Peppers) -> None:
    """Raise WrongState where keys that may still be used were hashed under peppers that are not at hand.

    Without them a secret of theirs looks like one that nobody ever made.
    """
    lacking = sorted(_peppers_in_use(connection) - peppers.keys.keys())
    if lacking:
        names = ", ".join(map(repr, lacking))
        raise WrongState(
            f"secrets of keys here are hashed under the pepper {names}, which is not at hand, so those keys"
            " cannot be recognized: name the file that has it by KEYLEDGER_PEPPER_FILE or by pepper_file in"
            " keyledger.toml"
        )


def _peppers_in_use(connection: Connection) -> set[str]:
    creation = (events.c.originator_version == 1) & (events.c.topic == KeyCreated.topic)
    query = (
        select(events.c.topic, events.c.state)
        .join(credentials, credentials.c.key_id == events.c.originator_id)
        .where(credentials.c.fingerprint.is_not(None), credentials.c.state != KeyState.REVOKED, creation)
    )
    created = (decode(topic, state) for topic, state in connection.execute(query))
    return {event.pepper_id for event in created if isinstance(event, KeyCreated) and event.pepper_id}
