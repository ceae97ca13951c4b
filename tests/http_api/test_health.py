"""What is told to those who restart processes, and to those who send requests to them."""

from pathlib import Path

import pytest

from tests.damage import damaged
from tests.http_api.served import Served, served
from tests.office import Office


def test_a_server_whose_ledger_can_be_used_says_so(api: Served) -> None:
    assert [api("GET", path).status_code for path in ("/healthz", "/readyz")] == [200, 200]


@pytest.mark.sqlite_only(reason="a file's bytes")
def test_a_server_whose_ledger_is_damaged_wants_no_requests_for_now(office: Office) -> None:
    office.database.close()
    file = Path(office.address)
    file.write_bytes(damaged(file))

    with served(office) as api:
        alive, ready = api("GET", "/healthz"), api("GET", "/readyz")

    assert (alive.status_code, ready.status_code, ready.headers["retry-after"]) == (200, 503, "60")
    assert "the server's ledger is damaged" in ready.json()["detail"]
