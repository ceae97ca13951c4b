from collections.abc import Iterator

import pytest

from tests.http_api.served import Served, served
from tests.office import Office


@pytest.fixture
def api(office: Office) -> Iterator[Served]:
    """Give a server of a ledger with the organization acme."""
    with served(office) as api:
        yield api
