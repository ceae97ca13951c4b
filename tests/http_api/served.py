"""The HTTP API of an office, served by uvicorn in a thread of this process: the test sets its clock."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import httpx
import msgspec
import uvicorn
from fastapi import FastAPI

from http_api.app import create_app
from http_api.server import config_of
from http_api.settings import ServerSettings
from http_api.traces import Tracing
from ledger.key_terms import CreatedKey, NewKey
from tests.office import Office

START_TIMEOUT_S = 20


class Served:
    """A server of an office, and clients of it."""

    def __init__(self, office: Office, app: FastAPI, url: str) -> None:
        self.office = office
        self.app = app
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=30)

    def key(self, *scopes: str, name: str = "caller") -> CreatedKey:
        """A key to call with, made by Ada."""
        return self.office.ledger.create_key(
            self.office.org, self.office.ada, NewKey(name, scopes=tuple(scopes))
        )

    def __call__(
        self,
        method: str,
        path: str,
        key: CreatedKey | str | None = None,
        **more: Any,  # noqa: ANN401 - handed on as they come
    ) -> httpx.Response:
        """Ask with a key; `on_behalf_of` names a member, the rest is httpx's."""
        headers = httpx.Headers(more.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {key if isinstance(key, str) else key.secret.reveal()}"
        if (claimed := more.pop("on_behalf_of", None)) is not None:
            headers["On-Behalf-Of"] = claimed
        if (body := more.pop("body", msgspec.UNSET)) is not msgspec.UNSET:
            more["content"] = body if isinstance(body, bytes) else msgspec.json.encode(body)
            headers["Content-Type"] = headers.get("Content-Type", "application/json")
        return self._client.request(method, path, headers=headers, **more)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def close(self) -> None:
        self._client.close()


@contextmanager
def served(
    office: Office, settings: ServerSettings | None = None, tracing: Tracing | None = None
) -> Iterator[Served]:
    """Serve an office until the block is left."""
    settings = settings or ServerSettings(office.address)
    apps: list[FastAPI] = []

    def make() -> FastAPI:
        apps.append(create_app(settings, lambda: office.now, Random(2).randbytes, tracing))
        return apps[-1]

    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = config_of(settings, make)
        config.log_config = None
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            waiting = threading.Event()
            for _ in range(START_TIMEOUT_S * 200):
                if server.started or not thread.is_alive():
                    break
                waiting.wait(0.005)
            assert server.started
            api = Served(office, apps[0], f"http://127.0.0.1:{listening.getsockname()[1]}")
            yield api
            api.close()
        finally:
            server.should_exit = True
            thread.join(timeout=START_TIMEOUT_S)
