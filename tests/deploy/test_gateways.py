"""The examples for Traefik and Envoy: they can be read, and they ask what the server answers."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from http_api.authorization import CALLER, GATEWAY_KEY, SERVICE
from http_api.operations import AUTHORIZE
from http_api.settings import DEFAULT_HOST, DEFAULT_PORT, ServerSettings
from tests.http_api.served import served
from tests.office import Office

DEPLOY = Path(__file__).parents[2] / "deploy"
KEY_HEADER = ServerSettings("").key_header
SERVER = f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"
CLAIMS = {SERVICE, CALLER, GATEWAY_KEY}


def read(name: str) -> Any:  # noqa: ANN401 - whatever stands there
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


@pytest.fixture
def told(office: Office) -> set[str]:
    """Give the names of the headers by which the server tells whose key it was."""
    with served(office) as api:
        answered = api("GET", AUTHORIZE.path, api.key()).headers
    return {name for name in answered if name.startswith("x-keyledger-")}


def small(names: list[str]) -> set[str]:
    return {name.lower() for name in names}


@pytest.mark.sqlite_only(reason="it is about the names of headers")
def test_traefik_asks_what_the_server_answers(told: set[str]) -> None:
    http = read("traefik/previews.yaml")["http"]
    (router,) = http["routers"].values()
    asked = http["middlewares"]["keyledger"]["forwardAuth"]
    before, after = (
        http["middlewares"][name]["headers"]["customRequestHeaders"]
        for name in ("as-gateway", "without-keys")
    )

    assert asked["address"] == SERVER + AUTHORIZE.path
    assert asked["trustForwardHeader"] is False
    assert small(asked["authRequestHeaders"]) == {KEY_HEADER, "user-agent", GATEWAY_KEY, SERVICE}
    assert small(asked["authResponseHeaders"]) == told
    assert small(list(before)) == CLAIMS
    assert {name.lower(): value for name, value in after.items()} == {KEY_HEADER: "", GATEWAY_KEY: ""}
    assert (
        router["middlewares"] == ["hsts", "as-gateway", "keyledger", "without-keys"] == [*http["middlewares"]]
    )


@pytest.mark.sqlite_only(reason="it is about the names of headers")
def test_envoy_asks_what_the_server_answers(told: set[str]) -> None:
    resources = read("envoy/envoy.yaml")["static_resources"]
    (chain,) = resources["listeners"][0]["filter_chains"]
    manager = chain["filters"][0]["typed_config"]
    asked = manager["http_filters"][0]["typed_config"]
    service = asked["http_service"]

    def exact(headers: dict[str, list[dict[str, str]]]) -> set[str]:
        return {pattern["exact"] for pattern in headers["patterns"]}

    (dropping,) = manager["early_header_mutation_extensions"]
    dropped = {each["remove"] for each in dropping["typed_config"]["mutations"]}
    added = {each["key"] for each in service["authorization_request"]["headers_to_add"]}
    ports = [
        each["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
        for each in resources["clusters"]
    ]

    assert (service["server_uri"]["uri"], service["path_prefix"]) == (SERVER, AUTHORIZE.path)
    assert asked["failure_mode_allow"] is False
    assert exact(asked["allowed_headers"]) == {KEY_HEADER, "user-agent", "x-forwarded-for"}
    assert added == {GATEWAY_KEY, SERVICE}
    assert exact(service["authorization_response"]["allowed_upstream_headers"]) == told
    assert dropped == told | CLAIMS | {"x-forwarded-for"}
    assert manager["route_config"]["virtual_hosts"][0]["request_headers_to_remove"] == [KEY_HEADER]
    assert ports[0] == {"address": DEFAULT_HOST, "port_value": DEFAULT_PORT}
