"""The read side against a recount by hand."""

from ledger.database import Database
from projections.catch_up import catch_up
from projections.difference import differences
from projections.view import open_view
from tests.faults.desk import desk_at
from tests.faults.recount import Recount, Uses, recount


def assert_read_side_agrees(address: str) -> None:
    """Count, first and last use and the state of every key are what the raw events say."""
    with desk_at(address) as desk:
        catch_up(desk.database)
        assert differences(desk.database) == []
        assert_records_agree(desk.database, desk.org.id, recount(address))


def assert_records_agree(database: Database, organization_id: bytes, found: Recount) -> None:
    with open_view(database, organization_id, None) as view:
        records = {record.id: record for record in view.records()}
    assert records.keys() == found.keys.keys()
    for key_id, record in records.items():
        key, uses = found.keys[key_id], found.uses.get(key_id, Uses())
        assert (record.state, record.successor_id) == (key.state, key.successor_id)
        assert (record.use_count, record.first_used_at, record.last_used_at) == (
            uses.count,
            uses.first_at,
            uses.last_at,
        )
