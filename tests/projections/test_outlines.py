"""What lists read instead of all records tells nothing else than they do."""

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.intake import Item
from ledger.key_terms import NewKey
from projections.key_outline import KeyOutline
from projections.key_record import KeyRecord
from projections.view import open_view
from tests.office import DAY, START, Office
from tests.place import Place
from tests.projections.histories import outside_items


def test_outlines_are_of_now_alone(office: Office) -> None:
    with open_view(office.database, office.id, START) as view, pytest.raises(ValueError, match="heard of"):
        view.outlines()


def told(key: KeyOutline | KeyRecord) -> tuple[object, ...]:
    return (key.id, key.name, key.kind, *(key.status(START + day * DAY) for day in (-40, 0, 3, 40)))


@settings(max_examples=15)
@given(items=outside_items(), some=st.sets(st.integers(0, 5)))
def test_outlines_and_some_records_are_those_of_all(place: Place, items: list[Item], some: set[int]) -> None:
    with place.ledger() as address, closing(Office(address)) as office:
        made = office.key("b")
        office.ledger.create_key(office.org, office.ada, NewKey("a", expires_at=START + 2 * DAY))
        office.ledger.rotate_key(office.org, office.ada, office.ledger.find_key(office.org, made.id.hex()))
        office.record(items)
        with open_view(office.database, office.id) as view:
            records = view.records()
            wanted = [each.id for number, each in enumerate(records) if number in some]

            assert list(map(told, view.outlines())) == list(map(told, records))
            assert view.records_of(wanted) == [each for each in records if each.id in wanted]
            assert [view.record(each.id) for each in records] == records
