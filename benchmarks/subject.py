"""What is measured: a real ledger with an organization and its keys, whose clock stands still."""

import os
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from benchmarks.errors import NotMeasured
from benchmarks.traffic import NOW, START
from ledger.acceptance import Acceptance
from ledger.actor import Stamp
from ledger.database import open_database
from ledger.events import Authentication, KeyUsed, MemberDetails
from ledger.ledger import Ledger
from ledger.observation import ExternalKey, Observation, observed_key_id
from ledger.schema import create_schema
from ledger.usage import Use

# position, originator_id, originator_version, topic, state
Row: TypeAlias = tuple[int, bytes, int, str, bytes]

_ADMIN = "ada@example.com"


class Subject:
    """One ledger, used by its public commands only; `rows` gives what these would store, for its peers."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.database = open_database(address)
        self.ledger = Ledger(self.database, clock=lambda: NOW, random_bytes=os.urandom)
        self.organization = self.ledger.organization()
        self.actor = self.organization.claimed_actor(_ADMIN)
        self.on_postgresql = self.database.dialect.name == "postgresql"
        stamp = Stamp(self.organization.id, self.actor, NOW)
        self._acceptance = Acceptance(stamp, os.urandom, {})

    def observe(self, count: int) -> list[bytes]:
        """Let the ledger know that many keys; returns their ids."""
        keys = [ExternalKey("gateway", f"key-{n:08d}") for n in range(count)]
        self.ledger.record_uses(
            self.organization, self.actor, (Observation(key, START, "gateway") for key in keys)
        )
        return [observed_key_id(self.organization.id, key) for key in keys]

    def record(self, uses: Iterable[Use]) -> None:
        """Append uses; one that is refused would make the figure false."""
        intake = self.ledger.record_uses(self.organization, self.actor, uses)
        if intake.refused:
            raise NotMeasured(f"{intake.refused} of {intake.read} uses were refused")

    def rows(self, uses: Sequence[Use], first_position: int) -> list[Row]:
        """The rows that the uses become, ready for a driver."""
        return [
            (
                position,
                self.stream_id(use),
                1,
                KeyUsed.topic,
                self._acceptance.state(use, self.key_id(use)),
            )
            for position, use in enumerate(uses, first_position)
        ]

    def stream_id(self, use: Use) -> bytes:
        """The id under which the ledger stores a use."""
        return self._acceptance.stream_id(use)

    def key_id(self, use: Use) -> bytes:
        """The id of the key that was used."""
        return use.key if isinstance(use.key, bytes) else observed_key_id(self.organization.id, use.key)

    def last_position(self) -> int:
        """How many events the ledger holds."""
        return self.ledger.recorder.max_notification_id() or 0

    def close(self) -> None:
        """Give back every connection."""
        self.database.close()


def found_ledger(address: str) -> Subject:
    """A new ledger at an address, with one organization."""
    database = open_database(address, create=True)
    create_schema(database)
    ledger = Ledger(database, clock=lambda: START, random_bytes=os.urandom)
    ledger.create_organization("acme", MemberDetails(_ADMIN), Authentication.CLAIMED)
    database.close()
    return Subject(address)
