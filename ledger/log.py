"""The raw log of one organization: its events by position, a stretch of the ledger at a time."""

from collections.abc import Iterator

import msgspec
from sqlalchemy import select

from ledger.database import Database
from ledger.encoding import decode
from ledger.errors import LedgerCorrupt, NotFound
from ledger.event_store import max_position
from ledger.recorded import Recorded, missing_between
from ledger.schema import events

STRETCH_SIZE = 1000


class Stretch(msgspec.Struct, frozen=True):
    """What an organization recorded in the part of the ledger that ends at a position."""

    end: int
    found: list[Recorded]


def last_position(database: Database) -> int:
    """Where the ledger ends now, 0 for an empty one."""
    with database.read() as connection:
        return max_position(connection)


def check_since(database: Database, since: int) -> None:
    """Refuse to go on after a position that the ledger has not come to: whoever was there saw another one."""
    last = last_position(database)
    if since > last:
        raise NotFound(
            f"there is no position {since} to go on after; the ledger's last is {last}:"
            " was it restored from a backup, or is it another ledger?"
        )


def stretches(database: Database, organization_id: bytes, since: int, until: int) -> Iterator[Stretch]:
    """The events after `since`, up to and with `until`, which must be there.

    Each stretch is read in a transaction of its own, so that a slow reader holds nothing up; no event that
    was there once ever changes.
    """
    position = since
    while position < until:
        end = min(position + STRETCH_SIZE, until)
        # Positions have no gaps, so a range of them is a number of rows.
        query = select(events).where(events.c.position.between(position + 1, end))
        with database.read() as connection:
            rows = connection.execute(query.order_by(events.c.position)).all()
        if len(rows) != end - position:
            raise LedgerCorrupt(missing_between(position, end, end - position - len(rows)))
        recorded = [Recorded(row[0], row[1], row[2], decode(row[3], row[4])) for row in rows]
        yield Stretch(end, [each for each in recorded if each.event.organization_id == organization_id])
        position = end
