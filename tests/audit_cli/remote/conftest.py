from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.door import Door
from tests.http_api.served import Served, served
from tests.office import Office


@pytest.fixture
def api(office: Office) -> Iterator[Served]:
    """Give a server of a ledger with the organization acme."""
    with served(office) as api:
        yield api


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    """Give a door to which no ledger is named."""
    monkeypatch.chdir(tmp_path)
    door = Door(tmp_path, "")
    door.environment = {}
    return door


@pytest.fixture
def at_server(outside: Door, api: Served) -> Door:
    """Give a door that variables lead to the server, with a key that may do everything."""
    key = api.key("keys:manage", "audit:read", "uses:append", "keys:check", name="deploy-bot")
    outside.environment = {"KEYLEDGER_SERVER": api.url, "KEYLEDGER_API_KEY": key.secret.reveal()}
    return outside
