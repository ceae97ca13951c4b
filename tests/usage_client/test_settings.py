import subprocess
import sys
from pathlib import Path

import pytest

from tests.usage_client.server import CLIENT_KEY
from usage_client import Misconfigured, Secret, UsageClient

URL = "https://keys.example.com"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"server": None}, "set KEYLEDGER_SERVER"),
        ({"api_key": None}, "set KEYLEDGER_API_KEY"),
        ({"server": "keys.example.com"}, "no address of a server"),
        ({"server": "ftp://keys.example.com"}, "no address of a server"),
        ({"server": "http://keys.example.com"}, "use https://"),
        ({"server": "https://user:word@keys.example.com"}, "the key goes apart"),
        ({"server": f"{URL}?key=1"}, "the key goes apart"),
        ({"server": CLIENT_KEY, "api_key": URL}, "what was given is no address"),
        ({"api_key": "two\nlines"}, "a file's line end"),
        ({"service": ""}, "service is empty"),
        ({"reporter": "x" * 513}, "reporter has 513 characters"),
        ({"spool": "/dev/null/spool"}, "the spool /dev/null/spool cannot be used"),
    ],
    ids=str,
)
def test_a_client_that_cannot_work_says_so_when_it_is_made(options: dict[str, str], says: str) -> None:
    said = {"server": URL, "api_key": CLIENT_KEY, "service": "payments"} | options

    with pytest.raises(Misconfigured, match=says) as refused:
        UsageClient(**said)  # type: ignore[arg-type]

    assert CLIENT_KEY not in str(refused.value)


@pytest.mark.parametrize(
    "server", [URL, f"{URL}/keyledger/", "http://127.0.0.1:8431", "http://[::1]:8431", "http://localhost"]
)
def test_https_and_this_machine_will_do(server: str) -> None:
    with UsageClient(server, Secret(CLIENT_KEY), service="payments") as client:
        assert client.settings.server == server.rstrip("/")


def test_plain_http_is_taken_where_something_else_encrypts_it() -> None:
    UsageClient("http://keyledger:8431", CLIENT_KEY, service="payments", allow_plain_http=True).close()


def test_the_line_end_of_a_file_is_no_part_of_the_key(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{CLIENT_KEY}\n")

    with UsageClient(URL, file.read_text(), service="payments") as client:
        assert client.settings.api_key.reveal() == CLIENT_KEY


def test_importing_the_client_takes_no_third_party_package_but_httpx_and_what_it_brings() -> None:
    code = """
import sys
import httpx
brought = {name.partition(".")[0] for name in sys.modules}
import usage_client.asgi, usage_client.wsgi
loaded = {name.partition(".")[0] for name in sys.modules} - brought - {"usage_client"}
print(sorted(loaded - sys.stdlib_module_names))
"""
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert ended.stdout == "[]\n"
