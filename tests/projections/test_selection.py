from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from projections.key_record import AddressUse, CallerUse
from projections.selection import parse_selection
from tests.projections.audit.records import DAY, NOW, minted

USES = (
    CallerUse("payments-api", "web-1", 3, 0, NOW - 3 * DAY, NOW - DAY, 4, 9),
    CallerUse("metrics", None, 1, 0, NOW - 2 * DAY, NOW - 2 * DAY, 5, 5),
)
ADDRESSES = (
    AddressUse("203.0.113.7", 3, NOW - 3 * DAY, NOW - DAY, 9),
    AddressUse("192.0.2.1", 1, NOW - 2 * DAY, NOW - 2 * DAY, 5),
)
KEY = minted(name="Billing Worker", owner="bob@example.com", uses=USES, addresses=ADDRESSES)


@pytest.mark.parametrize(
    ("expression", "is_meant"),
    [
        ("service=payments-api", True),
        ("service=payments*", True),
        ("service=payments", False),
        ("caller=web-?", True),
        ("owner=BOB@example.com", True),
        ('name="billing worker"', True),
        ("name='billing worker'", True),
        ("name = billing*", True),
        ("owner=o'brien or owner=bob*", True),
        ("last_source=203.0.113.7", True),
        ("last_source=192.0.2.1", False),
        ("any_source=192.0.2.*", True),
        ("state=active", True),
        ("service=nope or owner=bob*", True),
        ("service=metrics and owner=ann*", False),
        # `and` binds before `or`
        ("owner=bob* or service=nope and name=nope", True),
        ("service=nope and name=nope OR owner=bob*", True),
        ('owner="x and y"', False),
    ],
)
def test_an_expression_means_the_keys_that_it_describes(expression: str, is_meant: bool) -> None:
    assert parse_selection(expression).means(KEY, NOW) is is_meant


def test_of_several_addresses_at_the_last_moment_each_is_the_last() -> None:
    at_once = tuple(AddressUse(address, 1, NOW, NOW, 9) for address in ("192.0.2.1", "192.0.2.2"))
    key = minted(addresses=at_once)

    assert all(parse_selection(f"last_source={each.source_ip}").means(key, NOW) for each in at_once)
    assert not parse_selection("last_source=*").means(minted(addresses=()), NOW)


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("", "at its end"),
        ("service", "at 'service'"),
        ("service=", "at 'service='"),
        ("service=a owner=b", "`and` or `or` must stand at 'owner=b'"),
        ("service=a and", "at its end"),
        ("and service=a", "at 'and service=a'"),
        ("servcie=a", "did you mean 'service'"),
        ('name="open', "cannot be read"),
        ("name='open", "cannot be read"),
        ("service=a and or owner=b", "at 'or owner=b'"),
    ],
)
def test_what_is_wrong_with_an_expression_is_pointed_at(expression: str, complaint: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_selection(expression)

    assert complaint in str(refused.value)


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        parse_selection(text).means(KEY, NOW)
