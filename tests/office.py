"""A ledger with one organization, its admin and a clock that tests set.

Its randomness repeats, so two offices have the same ids: of two observations of one moment the id decides.
"""

from collections.abc import Iterable
from random import Random

import msgspec

from ledger.actor import Actor
from ledger.database import open_database
from ledger.events import Authentication, MemberDetails
from ledger.intake import Item
from ledger.key_terms import CreatedKey, NewKey
from ledger.ledger import Ledger
from ledger.moments import parse_moment
from ledger.organization import Organization
from ledger.schema import create_schema
from ledger.usage import Intake, Use
from projections.key_record import KeyRecord
from projections.view import open_view

START = parse_moment("2026-01-01T00:00:00Z")
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Office:
    def __init__(self, address: str, now: int = START) -> None:
        self.now = now
        self.address = address
        self.database = open_database(address, create=True)
        create_schema(self.database)
        self.ledger = Ledger(self.database, clock=lambda: self.now, random_bytes=Random(1).randbytes)
        founder = MemberDetails("ada@example.com")
        self.id = self.ledger.create_organization("acme", founder, Authentication.CLAIMED).id

    @property
    def org(self) -> Organization:
        return self.ledger.organization("acme")

    @property
    def ada(self) -> Actor:
        return self.org.claimed_actor("ada@example.com")

    def key(self, name: str = "ci-github-actions") -> CreatedKey:
        return self.ledger.create_key(self.org, self.ada, NewKey(name))

    def record(self, items: Iterable[Item]) -> Intake:
        return self.ledger.record_uses(self.org, self.ada, items)

    def use(self, key: CreatedKey, at: int, **more: object) -> Intake:
        return self.record([Use(key=key.id, service="billing", occurred_at=at, **more)])  # type: ignore[arg-type]

    def records(self, as_of: int | None = None) -> dict[bytes, KeyRecord]:
        with open_view(self.database, self.id, as_of) as view:
            return {record.id: record for record in view.records()}

    def close(self) -> None:
        self.database.close()


def shown(record: KeyRecord) -> object:
    """A record without the ids and positions, which differ from ledger to ledger."""
    return _without_positions(msgspec.to_builtins(record, builtin_types=(bytes,)) | {"id": None})


def _without_positions(value: object) -> object:
    match value:
        case dict():
            return {k: _without_positions(v) for k, v in value.items() if not k.endswith("position")}
        case list() | tuple():
            return [_without_positions(each) for each in value]
        case _:
            return value
