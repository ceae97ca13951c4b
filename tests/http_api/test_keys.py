from typing import Any

import httpx
import pytest

from ledger.events import KeyCreated, KeyRenamed, KeyRevoked, MemberDetails, Role
from ledger.key_terms import NewKey
from tests.http_api.served import Served
from tests.office import DAY, HOUR

TYPE = "urn:keyledger:problem:"


def problem(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["type"]).removeprefix(TYPE)


def test_a_key_that_was_made_is_accepted_at_once(api: Served) -> None:
    boss = api.key("keys:manage", "audit:read")

    made = api("POST", "/v1/keys", boss, body={"name": "ci", "scopes": ["deploy"], "expires_in": "1d"})

    assert made.status_code == 201
    created = made.json()
    assert created["schema"] == "keyledger.created/1"
    assert created["expires_at"] == "2026-01-02T00:00:00Z"
    assert api("GET", "/v1/caller", created["secret"]).json()["key_name"] == "ci"
    assert created["secret"] not in api("GET", "/v1/keys", boss).text


def test_who_acted_is_the_key_and_whom_it_acted_for_is_a_claim(api: Served) -> None:
    boss = api.key("keys:manage", name="deploy-bot")

    made = api("POST", "/v1/keys", boss, body={"name": "ci"}, on_behalf_of="ada@example.com").json()
    told = api("GET", f"/v1/keys/{made['id']}/history", boss).json()["events"]

    assert [(each["topic"], each["authentication"]) for each in told] == [("key-created/1", "key")]
    assert told[0]["actor"] == "deploy-bot"
    assert told[0]["on_behalf_of"] == "ada@example.com"
    shown = api("GET", "/v1/keys/ci", boss).json()["key"]
    assert (shown["owner"], shown["created_by"]) == ("ada@example.com", "deploy-bot")


def test_a_key_without_an_owner_is_owned_by_whoever_owns_the_key_that_made_it(api: Served) -> None:
    office = api.office
    boss = office.ledger.create_key(
        office.org, office.ada, NewKey("bot", owner="platform-team", scopes=("keys:manage",))
    )

    made = api("POST", "/v1/keys", boss, body={"name": "ci"}).json()

    assert api("GET", f"/v1/keys/{made['id']}", boss).json()["key"]["owner"] == "platform-team"


def test_a_request_with_an_idempotency_key_makes_one_key_however_often_it_comes(api: Served) -> None:
    boss = api.key("keys:manage")
    asked = {"headers": {"Idempotency-Key": "order-1"}, "body": {"name": "ci", "expires_in": "1d"}}

    first = api("POST", "/v1/keys", boss, **asked)
    api.office.now += HOUR
    second = api("POST", "/v1/keys", boss, **asked)
    other = api("POST", "/v1/keys", boss, headers=asked["headers"], body={"name": "other"})
    claimed = api("POST", "/v1/keys", boss, **asked, on_behalf_of="ada@example.com")

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json() == first.json() | {"secret": None}
    assert (other.status_code, problem(other)) == (422, "idempotency-key-reused")
    assert (claimed.status_code, problem(claimed)) == (422, "idempotency-key-reused")
    assert len(api.office.records()) == 2


def test_an_idempotency_key_of_one_caller_says_nothing_to_another(api: Served) -> None:
    one, two = api.key("keys:manage"), api.key("keys:manage", name="second")
    asked = {"headers": {"Idempotency-Key": "order-1"}, "body": {"name": "ci"}}

    made = [api("POST", "/v1/keys", key, **asked).json()["id"] for key in (one, two)]

    assert made[0] != made[1]


def test_a_rotation_that_is_asked_for_twice_makes_one_successor(api: Served) -> None:
    boss, old = api.key("keys:manage"), api.key(name="ci")
    asked = {"headers": {"Idempotency-Key": "r1"}, "body": {"overlap": "1d"}}

    first = api("POST", "/v1/keys/ci/rotate", boss, **asked)
    second = api("POST", "/v1/keys/ci/rotate", boss, **asked)
    third = api("POST", f"/v1/keys/{old.id.hex()}/rotate", boss, body={})

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json() | {"secret": None}
    assert first.json()["overlap_ends_at"] == "2026-01-02T00:00:00Z"
    assert (third.status_code, problem(third)) == (409, "wrong-state")
    assert api("GET", "/v1/caller", old).status_code == 200
    assert api("GET", "/v1/caller", first.json()["secret"]).status_code == 200


def test_a_disabled_key_is_refused_until_it_is_enabled(api: Served) -> None:
    boss, key = api.key("keys:manage"), api.key(name="ci")

    disabled = api("POST", "/v1/keys/ci/disable", boss, body={"reason": "on leave"})
    assert disabled.json()["state"] == "disabled"
    assert api("GET", "/v1/caller", key).json()["reason"] == "disabled"

    enabled = api("POST", "/v1/keys/ci/enable", boss, body={})
    assert enabled.json()["state"] == "active"
    assert api("GET", "/v1/caller", key).status_code == 200


def test_a_revoked_key_is_refused_from_the_answer_on_and_for_good(api: Served) -> None:
    boss, key = api.key("keys:manage"), api.key(name="ci")

    revoked = api("POST", "/v1/keys/ci/revoke", boss, body={"reason": "leaked"})

    assert revoked.json()["state"] == "revoked"
    assert api("GET", "/v1/caller", key).json()["reason"] == "revoked"
    again = api("POST", f"/v1/keys/{key.id.hex()}/revoke", boss, body={})
    assert (again.status_code, problem(again)) == (409, "wrong-state")


def test_what_needs_no_word_of_why_needs_no_body(api: Served) -> None:
    boss = api.key("keys:manage")
    api.key(name="ci")

    for change, state in (("disable", "disabled"), ("enable", "active"), ("revoke", "revoked")):
        assert api("POST", f"/v1/keys/ci/{change}", boss).json()["state"] == state
    api.key(name="other")
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        assert api("POST", "/v1/keys/other/disable", boss, headers={"Content-Type": kind}).status_code == 200
        assert api("POST", "/v1/keys/other/enable", boss, content=iter([])).status_code == 200
    nothing = api("PATCH", "/v1/keys/ci", boss, body={})
    unmarked = api("POST", "/v1/keys/ci/disable", boss, content=b"{}")

    assert [(each.status_code, problem(each)) for each in (nothing, unmarked)] == [
        (422, "invalid"),
        (415, "unsupported-media-type"),
    ]


def test_a_change_sets_what_it_names_takes_away_what_is_null_and_leaves_the_rest(api: Served) -> None:
    boss = api.key("keys:manage")
    api("POST", "/v1/keys", boss, body={"name": "ci", "owner": "ops", "expires_in": "1d", "scopes": ["a"]})

    changed = api("PATCH", "/v1/keys/ci", boss, body={"expires_at": None, "scopes": ["b"]})

    assert changed.json()["expires_at"] is None
    assert changed.json()["scopes"] == ["b"]
    assert api("GET", "/v1/keys/ci", boss).json()["key"]["owner"] == "ops"
    renamed = api("POST", "/v1/keys/ci/rename", boss, body={"name": "cd"})
    assert renamed.json()["name"] == "cd"
    nothing = api("PATCH", "/v1/keys/cd", boss, body={})
    assert (nothing.status_code, problem(nothing)) == (422, "invalid")


def test_keys_are_listed_in_pages_that_a_cursor_goes_on_with(api: Served) -> None:
    reader = api.key("audit:read", name="k0")
    for number in range(1, 7):
        api.office.key(f"k{number}")
    names: list[str] = []
    cursor: str | None = ""

    while cursor is not None:
        asked = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = api("GET", "/v1/keys", reader, params=asked).json()
        names += [key["name"] for key in page["keys"]]
        cursor = page["next"]

    assert names == [f"k{number}" for number in range(7)]
    chosen = api("GET", "/v1/keys", reader, params={"where": "name=k[4-5]* or name=k6"}).json()
    assert [key["name"] for key in chosen["keys"]] == ["k4", "k5", "k6"]
    for wrong in ("!", "W10", "bm9uc2Vuc2U", "W10="):
        answer = api("GET", "/v1/keys", reader, params={"cursor": wrong})
        assert answer.status_code in {200, 422}
    assert api("GET", "/v1/keys", reader, params={"where": "colour=red"}).status_code == 422
    assert api("GET", "/v1/keys", reader, params={"limit": 0}).status_code == 422


def test_many_keys_are_shown_before_they_are_revoked(api: Served) -> None:
    boss = api.key("keys:manage", name="boss")
    keys = [api.office.key(f"pay-{number}") for number in range(3)]
    where = {"where": "name=pay-*", "reason": "incident 7"}

    shown = api("POST", "/v1/keys/revoke", boss, body=where | {"dry_run": True}).json()
    assert [key["name"] for key in shown["keys"]] == ["pay-0", "pay-1", "pay-2"]
    assert api("GET", "/v1/caller", keys[0]).status_code == 200

    done = api("POST", "/v1/keys/revoke", boss, body=where).json()
    assert (len(done["keys"]), done["refused"]) == (3, [])
    assert {api("GET", "/v1/caller", key).json()["reason"] for key in keys} == {"revoked"}
    named = api("POST", "/v1/keys/revoke", boss, body={"keys": [keys[0].id.hex()]}).json()
    assert "revoked already" in named["refused"][0]["reason"]
    unknown = api("POST", "/v1/keys/revoke", boss, body={"keys": ["boss", "nobody"]})
    assert (unknown.status_code, problem(unknown)) == (404, "not-found")
    assert api("GET", "/v1/caller", boss).status_code == 200


def test_a_key_cannot_hand_on_the_right_to_manage_keys_unless_an_admin_is_named(api: Served) -> None:
    boss = api.key("keys:manage", name="boss")
    api.office.ledger.add_member(
        api.office.org, api.office.ada, MemberDetails("bob@example.com"), Role.MEMBER
    )
    wanted = {"name": "second", "scopes": ["keys:manage"]}

    refused = [
        api("POST", "/v1/keys", boss, body=wanted),
        api("POST", "/v1/keys", boss, body=wanted, on_behalf_of="bob@example.com"),
        api("PATCH", "/v1/keys/boss", boss, body={"scopes": ["keys:manage", "keys:check"], "name": "x"}),
        api("POST", "/v1/keys/x/rotate", boss, body={}),
    ]
    api.office.key("plain")
    refused.append(api("PATCH", "/v1/keys/plain", boss, body={"scopes": ["keys:manage"]}))

    assert [(each.status_code, problem(each)) for each in (*refused[:2], *refused[3:])] == [
        (403, "not-allowed")
    ] * 4
    # What the key has already it may keep.
    assert refused[2].status_code == 200
    assert api("POST", "/v1/keys", boss, body=wanted, on_behalf_of="ada@example.com").status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": " "},
        {"name": "a\nb"},
        {"name": "x" * 129},
        {"name": 5},
        {},
        {"name": "ci", "colour": "red"},
        {"name": "ci", "scopes": ["No Scope"]},
        {"name": "ci", "scopes": ["a"] * 33},
        {"name": "ci", "expires_in": "soon"},
        {"name": "ci", "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "ci", "expires_at": "2027-01-01T00:00:00Z", "expires_in": "1d"},
        {"name": "ci", "expires_in": "9999999w"},
    ],
    ids=str,
)
def test_what_cannot_be_right_is_told_as_such_and_nothing_is_made(api: Served, body: dict[str, Any]) -> None:
    boss = api.key("keys:manage")

    answer = api("POST", "/v1/keys", boss, body=body)

    assert (answer.status_code, problem(answer)) == (422, "invalid")
    assert len(api.office.records()) == 1


def test_no_message_repeats_a_secret_that_was_given(api: Served) -> None:
    boss = api.key("keys:manage")
    secret = boss.secret.reveal()

    answers = [
        api("POST", "/v1/keys", boss, body={"name": secret}),
        api("GET", f"/v1/keys/{secret}", boss),
        api("POST", "/v1/keys/revoke", boss, body={"where": f"name={secret} or"}),
        api("GET", "/v1/caller", boss, on_behalf_of=secret),
    ]

    assert [answer.status_code for answer in answers] == [422, 404, 422, 403]
    assert [answer for answer in answers if secret in answer.text] == []


def test_the_events_say_who_did_it(api: Served) -> None:
    boss = api.key("keys:manage", name="boss")
    api.office.now += DAY
    api.office.key("ci")

    api("POST", "/v1/keys/ci/rename", boss, body={"name": "cd"}, on_behalf_of="ADA@example.com")
    api("POST", "/v1/keys/cd/revoke", boss, body={})

    told = api("GET", "/v1/keys/cd/history", boss).json()["events"]
    assert [each["topic"] for each in told] == [KeyCreated.topic, KeyRenamed.topic, KeyRevoked.topic]
    assert [each["actor"] for each in told] == ["ada@example.com", "boss", "boss"]
    assert [each.get("on_behalf_of") for each in told] == [None, "ada@example.com", None]
