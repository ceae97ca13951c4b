"""The examples in deploy/services, each run by the server that it names."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from tests.usage_client.conftest import eventually
from tests.usage_client.server import CLIENT_KEY, UNKNOWN, Server

SERVICES = Path(__file__).parents[2] / "deploy" / "services"
GOOD = "kl_" + "g" * 43 + "_" + "1a2b3c"
VALID = UNKNOWN | {"valid": True, "reason": None, "organization": "acme", "key_id": "k1", "name": "ci"}

GUNICORN = ("gunicorn", "--preload", "--workers", "2", "--bind")

Run = Callable[..., httpx.Client]


@pytest.fixture
def run(server: Server, spool: Path) -> Iterator[Run]:
    """Give a way to run an example; the client of it speaks to it."""
    started: list[tuple[subprocess.Popen[bytes], httpx.Client]] = []

    def start(*command: str) -> httpx.Client:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        said = [word.format(port=port) for word in command]
        process = subprocess.Popen(
            [sys.executable, "-m", *said],
            cwd=SERVICES,
            env=os.environ
            | {
                "KEYLEDGER_SERVER": server.url,
                "KEYLEDGER_API_KEY": CLIENT_KEY,
                "PREVIEWS_SPOOL": str(spool),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stderr=subprocess.DEVNULL,
        )
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)
        started.append((process, client))
        end = monotonic() + 30
        while True:
            try:
                client.get("/healthz")
            except httpx.HTTPError:
                assert process.poll() is None
                assert monotonic() < end, "the example does not start"
                sleep(0.05)
            else:
                return client

    yield start
    for process, client in started:
        client.close()
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("uvicorn", "--port", "{port}", "fastapi_app:app"), id="fastapi"),
        pytest.param((*GUNICORN, "127.0.0.1:{port}", "flask_app:app"), id="flask"),
    ],
)
def test_a_preview_is_shown_to_a_valid_key_alone(run: Run, server: Server, command: tuple[str, ...]) -> None:
    server.verdicts[GOOD] = VALID
    service = run(*command)

    shown = service.get("/pr-17", headers={"api-key": GOOD})
    refused = [service.get("/pr-17").status_code, service.get("/pr-17", headers={"api-key": "x"}).status_code]

    assert shown.json() == {"preview": "pr-17", "organization": "acme", "key": "ci"}
    assert refused == [401, 401]
    assert service.get("/healthz").status_code == 200
    # When the server is away, a key that was valid is let in by whoever saw it, and its use told later.
    if "fastapi_app:app" in command:
        server.down()
        assert service.get("/pr-18", headers={"api-key": GOOD}).status_code == 200
        assert service.get("/pr-18", headers={"api-key": "x"}).status_code == 503
        server.up()
        eventually(lambda: server.count == 1)


def test_a_service_that_knows_its_keys_reports_their_uses(run: Run, server: Server, spool: Path) -> None:
    service = run(*GUNICORN, "127.0.0.1:{port}", "django_app:application")

    statuses = [
        service.get(path, headers={"x-client": client}).status_code
        for path, client in (("/pr-17", "client-of-acme"), ("/missing", "client-of-acme"), ("/pr-17", "x"))
    ]

    assert statuses == [200, 404, 401]
    eventually(lambda: server.count == 2)
    told = sorted((use["caller"], use.get("error", False)) for use in server.uses.values())
    assert told == [("client-of-acme", False), ("client-of-acme", True)]
    assert spool.is_dir()


def test_what_the_documentation_shows_works(
    server: Server, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (SERVICES.parents[1] / "docs" / "services.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    monkeypatch.setenv("KEYLEDGER_API_KEY", CLIENT_KEY)
    server.verdicts[GOOD] = VALID

    names: dict[str, Any] = {}
    code = shown.replace("https://keys.example.com", server.url)
    exec(code.replace("/var/lib/previews/keyledger", str(spool)), names)  # noqa: S102 - it is our own page

    async def ask() -> int:
        transport = httpx.ASGITransport(names["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
            answer = await http.get("/openapi.json", headers={"api-key": GOOD})
        await names["client"].close_async_checks()
        return answer.status_code

    assert asyncio.run(ask()) == 200
    assert names["client"].close()
    assert server.count == 1
