import pytest

from ledger.hosts import is_this_machine


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.4.3", "::1"])
def test_a_loopback_address_is_this_machine(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize(
    "host", ["", "::", "192.0.2.1", "127.example.com", "localhost.example.com", "::1.example.com"]
)
def test_no_other_address_and_no_name_that_begins_like_one_is(host: str) -> None:
    assert not is_this_machine(host)
