"""The real nginx with the configuration in deploy/, an application behind it, and curl in front."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import parse_headers
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import msgspec

from tests.http_api.certificate import certified
from tests.http_api.process import free_port
from tests.programs import installed

SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx"
PREVIEW = "my-endpoint--my-sandbox.preview.example.com"
API = "keys.example.com"
START_TIMEOUT_S = 20

# As root, nginx would give its work to somebody who may not look into a folder of a test.
_MAIN = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_processes 1;
events {{ worker_connections 128; }}
http {{
    access_log {folder}/access.log combined;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/conf.d/*.conf;
}}
"""


class Answered(msgspec.Struct, frozen=True):
    """What curl got; names of headers are in small letters."""

    status: int
    headers: dict[str, list[str]]
    body: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Gateway:
    """Where nginx listens, and what it wrote."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.port = port

    @property
    def log(self) -> str:
        return (self._folder / "access.log").read_text() + (self._folder / "stderr").read_text()

    def curl(self, url: str, *options: str, headers: Iterable[str] = ()) -> Answered:
        """Ask as the page of the product says; headers come by a file, so that no secret is in argv."""
        ended = self.try_curl(url, *options, headers=headers)
        assert ended.returncode == 0, ended.stderr
        # Read as text, lines end as they do in files.
        head, _, body = ended.stdout.partition("\n\n")
        while head.startswith("HTTP/1.1 100"):
            head, _, body = body.partition("\n\n")
        status, _, fields = head.partition("\n")
        parsed = parse_headers(BytesIO(f"{fields}\n\n".encode()))
        names = {name.lower() for name in parsed}
        return Answered(int(status.split()[1]), {name: parsed.get_all(name) or [] for name in names}, body)

    def try_curl(
        self, url: str, *options: str, headers: Iterable[str] = ()
    ) -> "subprocess.CompletedProcess[str]":
        host = url.removeprefix("https://").partition("/")[0]
        given = self._folder / "headers"
        given.write_text("\n".join(headers))
        return subprocess.run(
            [
                *(
                    installed("curl"),
                    "-sS",
                    "-i",
                    "--max-time",
                    "30",
                    "--cacert",
                    str(self._folder / "authority.pem"),
                ),
                *("--connect-to", f"{host}:443:127.0.0.1:{self.port}", "-H", f"@{given}", *options, url),
            ],
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def gateway(folder: Path, keyledger_port: int, application_port: int, gateway_key: str) -> Iterator[Gateway]:
    """Run nginx with the files of deploy/nginx until the block is left."""
    nginx = installed("nginx", "nginx-light")
    port = free_port()
    _write(folder, port, keyledger_port, application_port, gateway_key)
    with (folder / "stderr").open("w") as said:
        process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=said)
        try:
            _wait(process, folder)
            yield Gateway(folder, port)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _write(folder: Path, port: int, keyledger_port: int, application_port: int, gateway_key: str) -> None:
    (folder / "conf.d").mkdir(parents=True)
    certified(folder, f"*.{PREVIEW.partition('.')[2]}", API)
    (folder / "gateway-key.conf").write_text(f"proxy_set_header Keyledger-Gateway-Key {gateway_key};\n")
    (folder / "nginx.conf").write_text(
        _MAIN.format(folder=folder, user="user root;" if os.geteuid() == 0 else "")
    )
    for shipped in SHIPPED.glob("*.conf"):
        text = shipped.read_text()
        for said, here in (
            ("/etc/nginx/keyledger/", f"{folder}/"),
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("server 127.0.0.1:8431", f"server 127.0.0.1:{keyledger_port}"),
            ("server 127.0.0.1:8080", f"server 127.0.0.1:{application_port}"),
        ):
            text = text.replace(said, here)
        (folder / ("tls.conf" if shipped.name == "tls.conf" else f"conf.d/{shipped.name}")).write_text(text)


def _wait(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while not (folder / "nginx.pid").exists() or not (folder / "nginx.pid").read_text():
        assert process.poll() is None, (folder / "stderr").read_text()
        assert time.monotonic() < end, "nginx does not start"
        time.sleep(0.01)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as it is in the library
        pass


def _application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer with what came, as WSGI tells it: a header's hyphens are underscores."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    told = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
    told |= {
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"],
        "query": environ["QUERY_STRING"],
        "body": environ["wsgi.input"].read(length).decode(),
    }
    start_response("403 Forbidden" if told["path"] == "/forbidden" else "200 OK", [("X-Application", "yes")])
    return [json.dumps(told).encode()]


@contextmanager
def application() -> Iterator[int]:
    """Run the application behind the gateway; gives its port."""
    with make_server("127.0.0.1", 0, _application, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(timeout=10)
