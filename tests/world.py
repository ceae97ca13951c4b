"""A ledger with a clock that tests move and random bytes that repeat."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from random import Random
from typing import TypeVar

import msgspec
from sqlalchemy import select

from ledger.actor import Actor
from ledger.credentials import Credential
from ledger.database import Database, open_database
from ledger.encoding import decode
from ledger.events import Authentication, Event, MemberDetails, Role
from ledger.intake import Item
from ledger.key_terms import CreatedKey, NewKey
from ledger.ledger import NO_PEPPERS, Ledger
from ledger.moments import MICROSECOND, parse_moment
from ledger.organization import Organization
from ledger.schema import create_schema, events
from ledger.secret import Peppers
from ledger.usage import Intake, Refusal

EventT = TypeVar("EventT", bound=Event)

START = parse_moment("2024-03-01T12:00:00Z")
ADMIN_EMAIL = "ada@example.com"


class Clock:
    """Stands still until it is moved."""

    def __init__(self, at: int = START) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at

    def advance(self, duration: timedelta) -> None:
        self.at += duration // MICROSECOND


class Stored(msgspec.Struct, frozen=True):
    """A row of the ledger, decoded."""

    position: int
    stream_id: bytes
    version: int
    event: Event


class World:
    """One organization with one admin in a fresh ledger."""

    def __init__(self, address: str, peppers: Peppers = NO_PEPPERS, seed: int = 1) -> None:
        self.address = address
        self.clock = Clock()
        self.database: Database = open_database(address, create=True)
        create_schema(self.database)
        self.ledger = Ledger(self.database, self.clock, Random(seed).randbytes, peppers)
        founder = MemberDetails(ADMIN_EMAIL, "ada")
        self.org: Organization = self.ledger.create_organization("acme", founder, Authentication.CLAIMED)
        self.admin: Actor = self.org.claimed_actor(ADMIN_EMAIL)

    @staticmethod
    def opened(address: str, clock: Clock, seed: int = 2) -> Ledger:
        """The same ledger as another process would open it."""
        return Ledger(open_database(address), clock, Random(seed).randbytes)

    def reload(self) -> Organization:
        self.org = self.ledger.organization("acme")
        return self.org

    def member(self, email: str, role: Role) -> Actor:
        self.ledger.add_member(self.reload(), self.admin, MemberDetails(email), role)
        return self.reload().claimed_actor(email)

    def create(self, name: str = "billing", expires_in: timedelta | None = None) -> CreatedKey:
        expires_at = None if expires_in is None else self.clock.at + expires_in // MICROSECOND
        return self.ledger.create_key(self.org, self.admin, NewKey(name, expires_at=expires_at))

    def credential(self, key_id: bytes) -> Credential:
        return self.ledger.find_key(self.org, key_id.hex())

    def record(self, items: Iterable[Item]) -> tuple[Intake, list[Refusal]]:
        refusals: list[Refusal] = []
        return self.ledger.record_uses(self.org, self.admin, items, refusals.append), refusals

    def rows(self) -> Sequence[Stored]:
        with self.database.read() as connection:
            found = connection.execute(select(events).order_by(events.c.position)).all()
        return [
            Stored(row.position, row.originator_id, row.originator_version, decode(row.topic, row.state))
            for row in found
        ]

    def told(self, kind: type[EventT]) -> list[EventT]:
        return [row.event for row in self.rows() if isinstance(row.event, kind)]
