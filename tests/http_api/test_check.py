from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import pytest

from http_api.settings import PROXIES_HERE, ServerSettings
from ledger.encoding import decode
from ledger.events import Authentication, KeyUsed, KeyUseDenied, MemberDetails
from ledger.ids import format_id
from ledger.key_terms import CreatedKey, NewKey
from tests.http_api.served import Served, served
from tests.office import MINUTE, START, Office

EventT = TypeVar("EventT", KeyUsed, KeyUseDenied)

CHECK = "/v1/check"
AUTHORIZE = "/v1/authorize"


@pytest.fixture
def gateway(api: Served) -> CreatedKey:
    return api.key("keys:check", name="gateway")


def ask(api: Served, by: CreatedKey, secret: CreatedKey | str, **more: object) -> httpx.Response:
    text = secret if isinstance(secret, str) else secret.secret.reveal()
    return api("POST", CHECK, by, body={"secret": text, "service": "payments", **more})


def told_of(api: Served, kind: type[EventT]) -> list[EventT]:
    """The events of a kind, in order."""
    rows = api.office.ledger.recorder.select_notifications(None, 10_000)
    events = [decode(row.topic, row.state) for row in rows]
    return [event for event in events if isinstance(event, kind)]


def sources(api: Served, key: CreatedKey) -> list[str | None]:
    """From where a key was used, each time."""
    uses = [use for use in told_of(api, KeyUsed) if use.key_id == key.id]
    return [use.personal.source_ip if use.personal else None for use in uses]


def revoke(api: Served, key: CreatedKey) -> None:
    office = api.office
    office.ledger.revoke_key(office.org, office.ada, office.ledger.find_key(office.org, key.id.hex()))


def theirs(office: Office) -> CreatedKey:
    details = MemberDetails("gil@example.com")
    org = office.ledger.create_organization("globex", details, Authentication.CLAIMED)
    return office.ledger.create_key(org, org.claimed_actor("gil@example.com"), NewKey("theirs"))


def test_a_valid_secret_is_told_whose_it_is_and_its_use_is_on_disk(api: Served, gateway: CreatedKey) -> None:
    key = api.key("deploy", name="billing")

    told = ask(api, gateway, key, caller="web-1", source_ip="192.0.2.7", user_agent="curl/8")

    assert told.status_code == 200
    assert told.json() == {
        "schema": "keyledger.verdict/1",
        "valid": True,
        "reason": None,
        "organization": "acme",
        "key_id": format_id(key.id),
        "name": "billing",
        "scopes": ["deploy"],
    }
    (use,) = [use for use in told_of(api, KeyUsed) if use.key_id == key.id]
    assert (use.service, use.caller, use.reporter, use.occurred_at) == ("payments", "web-1", "gateway", START)
    assert use.personal is not None
    assert (use.personal.source_ip, use.personal.user_agent) == ("192.0.2.7", "curl/8")


def test_a_revoked_secret_is_refused_by_the_next_check_and_that_is_a_denial(
    api: Served, gateway: CreatedKey
) -> None:
    key = api.key()
    assert ask(api, gateway, key).json()["valid"]

    revoke(api, key)
    told = ask(api, gateway, key)

    assert (told.status_code, told.json()["valid"], told.json()["reason"]) == (200, False, "revoked")
    assert [denied.key_id for denied in told_of(api, KeyUseDenied)] == [key.id]


@pytest.mark.parametrize("secret", ["", "hunter2", "x" * 10_000, "kl_\x00"])
def test_an_unknown_secret_is_told_as_such_and_nothing_else(
    api: Served, gateway: CreatedKey, secret: str
) -> None:
    told = ask(api, gateway, secret)

    assert told.status_code == 200
    assert told.json() == {
        "schema": "keyledger.verdict/1",
        "valid": False,
        "reason": "unknown",
        "organization": None,
        "key_id": None,
        "name": None,
        "scopes": [],
    }


def test_a_key_of_another_organization_is_unknown(api: Served, gateway: CreatedKey) -> None:
    assert ask(api, gateway, theirs(api.office)).json() == ask(api, gateway, "hunter2").json()


def test_the_key_that_asks_is_used_too_and_its_uses_of_a_minute_are_one_more_event(
    api: Served, gateway: CreatedKey
) -> None:
    key = api.key()
    for _ in range(5):
        ask(api, gateway, key)
    api.office.now += MINUTE

    api.app.state.desk.own_uses.flush()

    own = [use for use in told_of(api, KeyUsed) if use.key_id == gateway.id]
    assert [use.count for use in own] == [1, 4]
    assert {use.service for use in own} == {"keyledger"}


def test_whoever_may_not_ask_is_told_why_and_nothing_of_the_secret(api: Served) -> None:
    key = api.key()
    revoked = api.key("keys:check", name="revoked")
    revoke(api, revoked)
    body = {"secret": key.secret.reveal(), "service": "payments"}

    refusals = [
        api("POST", CHECK, body=body),
        api("POST", CHECK, "hunter2", body=body),
        api("POST", CHECK, revoked, body=body),
        api("POST", CHECK, key, body=body),
    ]

    kinds = [(each.status_code, each.json()["type"].rpartition(":")[2]) for each in refusals]
    assert kinds == [
        (401, "not-authenticated"),
        (401, "key-refused"),
        (401, "key-refused"),
        (403, "not-allowed"),
    ]
    assert all("valid" not in each.json() for each in refusals)
    assert [denied.key_id for denied in told_of(api, KeyUseDenied)] == [revoked.id]


BODIES: dict[str, tuple[int, Any]] = {
    "empty": (400, b""),
    "cut": (400, b"{"),
    "not-utf-8": (400, b'{"secret": "\xff"}'),
    "nested": (422, b"[" * 20_000),
    "array": (422, b"[]"),
    "no-secret": (422, {"service": "payments"}),
    "number": (422, {"secret": 1, "service": "payments"}),
    "more": (422, {"secret": "x", "service": "payments", "more": 1}),
    "no-service": (422, {"secret": "x", "service": ""}),
    "nul": (422, {"secret": "x", "service": "a\0b"}),
    "long": (422, {"secret": "x", "service": "s" * 513}),
    "large": (413, b" " * 100_000),
}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_envoy_may_ask_by_any_method_below_the_path_and_is_answered_as_it_wants(
    api: Served, method: str
) -> None:
    key = api.key("deploy")
    below = f"{AUTHORIZE}/orders/7?at=now"

    passed = api(method, below, key)
    revoke(api, key)

    assert (passed.status_code, passed.content) == (200, b"")
    assert passed.headers["x-keyledger-key-id"] == format_id(key.id)
    assert [api(method, below, each).status_code for each in (key, "kl_nothing", None)] == [403, 401, 401]
    assert api("POST", AUTHORIZE, key).status_code == 405
    assert api("GET", f"{AUTHORIZE}s", key).status_code == 404


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_cannot_be_is_a_problem(api: Served, gateway: CreatedKey, name: str) -> None:
    status, body = BODIES[name]

    told = api("POST", CHECK, gateway, body=body)

    assert told.status_code == status
    assert told.headers["content-type"] == "application/problem+json"


class TestAuthorize:
    def test_a_valid_key_passes_and_the_headers_say_whose_it_is(self, api: Served) -> None:
        key = api.key("deploy", "read", name="künstler")

        told = api(
            "GET", AUTHORIZE, headers={"api-key": key.secret.reveal(), "X-Keyledger-Service": "preview"}
        )

        assert (told.status_code, told.content) == (204, b"")
        named = {name: told.headers[f"x-keyledger-{name}"] for name in ("organization", "key-id", "scopes")}
        assert named == {"organization": "acme", "key-id": format_id(key.id), "scopes": "deploy read"}
        assert told.headers["x-keyledger-key-name"] == "k%C3%BCnstler"
        (use,) = told_of(api, KeyUsed)
        assert (use.key_id, use.service) == (key.id, "preview")

    @pytest.mark.parametrize(
        ("headers", "status"),
        [({}, 401), ({"api-key": "hunter2"}, 401), ({"Authorization": "Basic eDp5"}, 401)],
        ids=["none", "unknown", "another-scheme"],
    )
    def test_none_and_an_unknown_one_do_not_pass(
        self, api: Served, headers: dict[str, str], status: int
    ) -> None:
        told = api("GET", AUTHORIZE, headers=headers)

        assert told.status_code == status
        assert "WWW-Authenticate" in told.headers

    def test_a_refused_one_does_not_pass_and_is_told_why(self, api: Served) -> None:
        key = api.key()
        revoke(api, key)

        told = api("GET", AUTHORIZE, key)

        assert (told.status_code, told.json()["reason"]) == (403, "revoked")
        assert len(told_of(api, KeyUseDenied)) == 1

    def test_a_gateway_with_a_key_lets_its_own_organization_pass_alone(
        self, api: Served, gateway: CreatedKey
    ) -> None:
        headers = {"Keyledger-Gateway-Key": gateway.secret.reveal()}

        assert api("GET", AUTHORIZE, api.key(), headers=headers).status_code == 204
        assert api("GET", AUTHORIZE, theirs(api.office), headers=headers).status_code == 401

    def test_a_gateway_whose_key_is_not_accepted_lets_nobody_pass(self, api: Served) -> None:
        for own in (api.key(name="no-scope").secret.reveal(), "hunter2"):
            told = api("GET", AUTHORIZE, api.key(), headers={"Keyledger-Gateway-Key": own})
            assert told.status_code == 403

    def test_no_header_that_a_client_sends_breaks_it(self, api: Served) -> None:
        key = api.key()
        strange: list[Callable[[], str]] = [lambda: "x" * 2000, key.secret.reveal, lambda: "\xff\xfe"]
        for text in strange:
            headers = {"User-Agent": text().encode("latin-1"), "X-Forwarded-For": text().encode("latin-1")}
            assert api("GET", AUTHORIZE, key, headers=headers).status_code == 204

        for use in told_of(api, KeyUsed):
            assert key.secret.reveal() not in str(use)

    def test_an_address_is_believed_of_a_gateway_with_a_key_and_of_nobody_else(
        self, api: Served, gateway: CreatedKey
    ) -> None:
        key, own = api.key(), {"Keyledger-Gateway-Key": gateway.secret.reveal()}
        told = [("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-For", "192.0.2.66, 192.0.2.7")]

        for headers in (told, [*told, *own.items()], [*own.items()]):
            assert api("GET", AUTHORIZE, key, headers=headers).status_code == 204

        assert sources(api, key) == ["127.0.0.1", "192.0.2.7", "127.0.0.1"]

    @pytest.mark.parametrize(
        ("proxies", "source"), [(PROXIES_HERE, "192.0.2.7"), (("192.0.2.1",), "127.0.0.1")]
    )
    def test_or_of_a_proxy_that_is_named(self, office: Office, proxies: tuple[str, ...], source: str) -> None:
        settings = ServerSettings(office.address, behind_tls_proxy=True, proxy_addresses=proxies)
        with served(office, settings) as api:
            key = api.key()
            headers = {"X-Forwarded-For": "192.0.2.66, 192.0.2.7"}

            assert api("GET", AUTHORIZE, key, headers=headers).status_code == 204

            assert sources(api, key) == [source]

    def test_what_a_proxy_forwards_as_an_address_and_is_none_is_not_kept(self, office: Office) -> None:
        with served(office, ServerSettings(office.address, behind_tls_proxy=True)) as api:
            key = api.key()
            for _ in range(2):
                headers = {"X-Forwarded-For": key.secret.reveal()}
                assert api("GET", AUTHORIZE, key, headers=headers).status_code == 204
                assert api("GET", "/v1/caller", key, headers=headers).status_code == 200

            assert set(sources(api, key)) == {None}


def test_beside_a_bearer_token_of_the_application_the_header_for_keys_counts(api: Served) -> None:
    headers = {"api-key": api.key().secret.reveal(), "Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}

    assert api("GET", "/v1/authorize", headers=headers).status_code == 204
    assert api("GET", "/v1/caller", headers=headers).status_code == 200
