"""An admin at work on a ledger at an address, as any process opens it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ledger.database import open_database
from ledger.events import Authentication, MemberDetails
from ledger.ledger import Ledger
from ledger.schema import check_schema, create_schema

ADMIN = "ada@example.com"


def real_time() -> int:
    return time.time_ns() // 1000


class Desk:
    def __init__(self, address: str, clock: Callable[[], int] = real_time) -> None:
        self.database = open_database(address)
        check_schema(self.database)
        self.clock = clock
        self.ledger = Ledger(self.database, clock, os.urandom)
        self.org = self.ledger.organization()
        self.ada = self.org.claimed_actor(ADMIN)


@contextmanager
def desk_at(address: str, clock: Callable[[], int] = real_time) -> Iterator[Desk]:
    desk = Desk(address, clock)
    try:
        yield desk
    finally:
        desk.database.close()


def found(address: str) -> None:
    """Make a ledger with an organization and its admin."""
    database = open_database(address, create=True)
    create_schema(database)
    ledger = Ledger(database, real_time, os.urandom)
    ledger.create_organization("acme", MemberDetails(ADMIN), Authentication.CLAIMED)
    database.close()
