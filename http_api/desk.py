"""What all requests of one process of the server share: the open ledger, the policy, the clock."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

from fastapi import Depends, Request

from http_api.bodies_under_way import Bodies
from http_api.own_uses import OwnUses
from http_api.rates import Rates
from http_api.settings import ServerSettings
from ledger.database import Database, open_database
from ledger.errors import InvalidInput, LedgerUnavailable
from ledger.ids import RandomBytes
from ledger.ledger import Ledger
from ledger.organization import Organization
from ledger.schema import check_schema
from ledger.secret import Peppers
from ledger.settings import load_peppers
from projections.audit.policy import Policy
from projections.policies import load_policy
from projections.view import View, open_view


def system_clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class Desk:
    """One process at work on one ledger; its methods may be called from any thread."""

    def __init__(
        self,
        settings: ServerSettings,
        clock: Callable[[], int] = system_clock,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self.settings = settings
        self.clock = clock
        peppers = load_peppers(settings.pepper_file) if settings.pepper_file else Peppers()
        self.policy = _policy(settings.policy)
        self.database: Database = open_database(settings.url)
        try:
            check_schema(self.database)
        except BaseException:
            self.database.close()
            raise
        self.ledger = Ledger(self.database, clock, random_bytes, peppers)
        self.rates = Rates(settings.limits.requests_a_minute)
        self.own_uses = OwnUses(self.ledger)
        self.bodies = Bodies(settings.limits)

    @contextmanager
    def view(self, org: Organization, as_of: int | None = None, *, of_now: bool = False) -> Iterator[View]:
        """The read side, caught up; `of_now` fixes it to this moment."""
        with suppress(LedgerUnavailable):
            self.ledger.settle()
        with open_view(self.database, org.id, as_of, now=self.clock() if of_now else None) as view:
            yield view

    def close(self) -> None:
        """Store what was only counted so far, and let go of the ledger."""
        try:
            self.own_uses.flush(everything=True)
        finally:
            self.database.close()


def _policy(source: str | None) -> Policy:
    if source is None:
        return Policy()
    loaded = load_policy(source)
    if loaded.faults:
        raise InvalidInput(f"the policy {source} has faults: {'; '.join(loaded.faults)}")
    return loaded.policy


def desk_of(request: Request) -> Desk:
    """The desk of the process that a request came to."""
    desk: Desk = request.app.state.desk
    return desk


async def _at_hand(request: Request) -> Desk:
    # The framework would send what is not asynchronous to another thread.
    return desk_of(request)


DeskAtHand = Annotated[Desk, Depends(_at_hand)]
