from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeAlias

import pytest

from tests.usage_client.server import CLIENT_KEY, Server
from usage_client import Limits, UsageClient

QUICK = Limits(flush_every=0.05, coalesce_every=0.1, sync_every=0.05, adopt_every=0.1, close_timeout=5)

Open: TypeAlias = Callable[..., UsageClient]


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server that a test may take down."""
    server = Server()
    yield server
    server.down()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def client_of(server: Server) -> Iterator[Open]:
    """Give a way to make clients, each of which is closed in the end."""
    clients: list[UsageClient] = []

    def make(**options: Any) -> UsageClient:  # noqa: ANN401 - whatever a client takes
        said: dict[str, Any] = {
            "server": server.url,
            "api_key": CLIENT_KEY,
            "service": "payments",
            "limits": QUICK,
        }
        clients.append(UsageClient(**(said | options)))
        return clients[-1]

    yield make
    server.replies.clear()
    for client in clients:
        client.close(0)


def eventually(is_so: Callable[[], object], patience_s: float = 20) -> None:
    end = monotonic() + patience_s
    while not is_so():
        assert monotonic() < end, "it did not come to be"
        sleep(0.01)
