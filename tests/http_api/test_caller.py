from ledger.events import MemberDetails
from ledger.key_terms import NewKey
from tests.http_api.served import Served
from tests.office import MINUTE


def test_a_caller_is_told_who_the_key_makes_him(api: Served) -> None:
    key = api.key("keys:manage", "audit:read", name="deploy-bot")

    answer = api("GET", "/v1/caller", key, on_behalf_of="ada@example.com")

    assert answer.status_code == 200
    assert answer.json() == {
        "schema": "keyledger.caller/1",
        "organization": "acme",
        "key_id": str(answer.json()["key_id"]),
        "key_name": "deploy-bot",
        "scopes": ["audit:read", "keys:manage"],
        "on_behalf_of": "ada@example.com",
    }


def test_a_key_may_also_stand_in_the_header_for_keys(api: Served) -> None:
    key = api.key()

    answer = api("GET", "/v1/caller", headers={"api-key": key.secret.reveal()})

    assert answer.json()["key_name"] == "caller"


def test_without_a_key_the_answer_says_how_to_present_one(api: Served) -> None:
    answer = api("GET", "/v1/caller")

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "urn:keyledger:problem:not-authenticated"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_an_unknown_key_and_no_key_at_all_are_refused_alike(api: Served) -> None:
    key = api.key()
    unknown = key.secret.reveal()[:-1] + "x"

    for text in (unknown.encode(), b"nonsense", "\u00fc".encode(), b"x" * 5000):
        answer = api("GET", "/v1/caller", headers={b"api-key": text})
        assert answer.status_code == 401
        assert answer.json()["reason"] == "unknown"


def test_a_revoked_key_is_refused_from_the_next_request_on_and_that_is_recorded(api: Served) -> None:
    office, key = api.office, api.key()
    assert api("GET", "/v1/caller", key).status_code == 200
    credential = office.ledger.find_key(office.org, key.id.hex())

    office.ledger.revoke_key(office.org, office.ada, credential)
    answer = api("GET", "/v1/caller", key)

    assert answer.status_code == 401
    assert answer.json()["reason"] == "revoked"
    (record,) = (each for each in office.records().values() if each.id == key.id)
    assert [denial.service for denial in record.denials] == ["keyledger"]


def test_who_calls_uses_his_key_and_every_call_is_counted(api: Served) -> None:
    office, key = api.office, api.key()

    for _ in range(5):
        assert api("GET", "/v1/caller", key).status_code == 200
    assert office.records()[key.id].use_count == 1
    office.now += MINUTE
    api.app.state.desk.own_uses.flush()

    record = office.records()[key.id]
    assert record.use_count == 5
    assert record.last_used_at == office.now - MINUTE
    assert record.services == ["keyledger"]


def test_a_method_that_a_path_does_not_know_is_told_which_it_knows(api: Served) -> None:
    answer = api("DELETE", "/v1/keys")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert answer.json()["type"] == "urn:keyledger:problem:method-not-allowed"
    assert api("GET", "/v1/nothing").json()["type"] == "urn:keyledger:problem:not-found"


def test_on_behalf_of_must_name_a_member(api: Served) -> None:
    key = api.key("keys:manage")

    answer = api("GET", "/v1/caller", key, on_behalf_of="eve@example.com")

    assert answer.status_code == 403
    assert "eve@example.com" in answer.json()["detail"]


def test_a_key_of_one_organization_never_makes_a_caller_of_another(api: Served) -> None:
    office = api.office
    other = office.ledger.create_organization(
        "other", MemberDetails("bob@example.com"), office.ada.authentication
    )
    bob = other.claimed_actor("bob@example.com")
    key = office.ledger.create_key(other, bob, NewKey("theirs", scopes=("audit:read",)))

    assert api("GET", "/v1/caller", key).json()["organization"] == "other"
    assert api("GET", "/v1/caller", key, on_behalf_of="ada@example.com").status_code == 403
