"""Audits, findings, waivers, rotations and members over HTTP: the same truth as by the command line."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audit_cli.event_wording import describe
from http_api.settings import ServerSettings
from ledger.errors import LedgerUnavailable
from ledger.ids import format_id
from projections.view import open_view
from tests.http_api.served import Served, served
from tests.office import DAY, HOUR, Office


def test_findings_come_worst_first_in_pages_and_by_what_is_asked(api: Served) -> None:
    reader = api.key("audit:read", name="reader-of-audits")
    for number in range(4):
        api.office.key(f"payments-worker-{number}")
    api.office.now += 100 * DAY

    report = api("GET", "/v1/audit", reader).json()
    found: list[dict[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api(
            "GET", "/v1/findings", reader, params={"limit": 3} | ({"cursor": cursor} if cursor else {})
        )
        found += page.json()["findings"]
        cursor = page.json()["next"]

    assert report["schema"] == "keyledger.audit/1"
    assert report["summary"]["findings"] > 4
    assert [each["id"] for each in found] == [each["id"] for each in report["findings"]]
    aged = api("GET", "/v1/findings", reader, params={"rule": "aged-key", "key": "payments-worker-2"}).json()
    assert [each["key_name"] for each in aged["findings"]] == ["payments-worker-2"]
    severe = api("GET", "/v1/findings", reader, params={"severity": "critical"}).json()
    assert severe["findings"] == []
    tolerant = api("GET", "/v1/audit", reader, params={"max_age": "200d", "rule": "aged-key"}).json()
    assert tolerant["findings"] == []
    then = api("GET", "/v1/audit", reader, params={"as_of": "2026-01-02T00:00:00Z", "rule": "aged-key"})
    assert (then.json()["as_of"], then.json()["findings"]) == ("2026-01-02T00:00:00Z", [])
    assert api("GET", "/v1/audit", reader, params={"policy": "cis-aws"}).status_code == 200
    for wrong in ({"policy": "/etc/passwd"}, {"max_age": "-1d"}, {"as_of": "yesterday"}):
        assert api("GET", "/v1/audit", reader, params=wrong).status_code == 422
    assert api("GET", "/v1/audit", reader, params={"rule": "no-such-rule"}).status_code == 404


def test_a_recorded_audit_is_in_the_history_with_its_digest_and_the_key_that_recorded_it(api: Served) -> None:
    boss = api.key("keys:manage", name="boss")

    recorded = api("POST", "/v1/audits", boss, body={"rules": ["aged-key"]}, on_behalf_of="ada@example.com")
    (run,) = api("GET", "/v1/audits", boss).json()["runs"]

    assert recorded.status_code == 201
    assert (run["id"], run["report_sha256"]) == (recorded.json()["id"], recorded.json()["report_sha256"])
    assert run["rules"] == ["aged-key"]
    assert run["recorded_by"] == f"key {format_id(boss.id)}"


def test_a_waived_finding_is_marked_until_the_waiver_is_withdrawn(api: Served) -> None:
    boss = api.key("keys:manage", name="boss-of-keys")
    api.office.key("payments-worker")
    api.office.now += 100 * DAY
    asked = {"key": "payments-worker", "rule": "aged-key"}
    more = {"reason": "moves to OIDC", "owner": "ops", "expires_in": "30d"}

    def status() -> list[str]:
        found = api("GET", "/v1/findings", boss, params=asked).json()["findings"]
        return [each["status"] for each in found]

    assert status() == ["open"]
    waived = api("POST", "/v1/waivers", boss, body=asked | more)
    assert (waived.status_code, waived.json()["waivers"][0]["owner"]) == (201, "ops")
    assert status() == ["waived"]
    again = api("POST", "/v1/waivers", boss, body=asked | more)
    assert (again.status_code, again.json()["type"][-11:]) == (409, "wrong-state")
    assert len(api("GET", "/v1/waivers", boss).json()["waivers"]) == 1
    for wrong in ({"expires_in": "9000d"}, {"expires_in": None}, {"reason": " "}):
        body = {"key": "boss-of-keys", "rule": "aged-key"} | more | wrong
        assert api("POST", "/v1/waivers", boss, body=body).status_code == 422
    withdrawn = api("POST", "/v1/waivers/withdraw", boss, body=asked | {"reason": "moved"})
    assert (withdrawn.status_code, withdrawn.json()["waivers"]) == (200, [])
    assert status() == ["open"]
    assert api("POST", "/v1/waivers/withdraw", boss, body=asked).status_code == 404


def test_the_policy_for_the_key_says_for_how_long_a_finding_is_waived(office: Office, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[override]]\nname = "prod-*"\nmax_waiver = "1d"\n')
    for name in ("prod-worker", "test-worker"):
        office.key(name)
    body = {"rule": "aged-key", "reason": "moves", "owner": "ops", "expires_in": "30d"}

    with served(office, ServerSettings(office.address, policy=str(policy))) as api:
        boss = api.key("keys:manage", name="boss-of-keys")
        told = [
            api("POST", "/v1/waivers", boss, body=body | {"key": name}).status_code
            for name in ("prod-worker", "test-worker")
        ]

    assert told == [422, 201]


def test_a_rotation_ends_where_nobody_would_notice(api: Served) -> None:
    office, boss = api.office, api.key("keys:manage", name="boss")
    old = office.key("payments-worker")
    office.use(old, office.now)
    office.now += HOUR
    api("POST", "/v1/keys/payments-worker/rotate", boss, body={"overlap": "30d"})
    office.now += HOUR
    office.use(old, office.now, caller="web-1")

    (rotation,) = api("GET", "/v1/rotations", boss).json()["rotations"]
    early = api("POST", "/v1/rotations/payments-worker/finish", boss, body={})
    forced = api("POST", "/v1/rotations/payments-worker/finish", boss, body={"force": True})

    assert rotation["safe_to_revoke"] is False
    assert [each["caller"] for each in rotation["still_using"]] == ["web-1"]
    assert early.status_code == 409
    assert "web-1" in early.json()["detail"]
    assert (forced.json()["id"], forced.json()["state"]) == (format_id(old.id), "revoked")
    assert api("GET", "/v1/rotations", boss).json()["rotations"] == []
    assert api("POST", "/v1/rotations/payments-worker/finish", boss, body={}).status_code == 404


def test_members_are_an_admins_business(api: Served) -> None:
    boss = api.key("keys:manage", name="boss")
    claimed = {"on_behalf_of": "ada@example.com"}
    bob = {"email": "bob@example.com", "role": "member"}

    added = api("POST", "/v1/members", boss, body=bob, **claimed).json()
    again = api("POST", "/v1/members", boss, body=bob, **claimed)
    raised = api("POST", f"/v1/members/{added['id']}/role", boss, body={"role": "admin"}, **claimed)
    ada = next(each for each in api("GET", "/v1/members", boss).json()["members"] if each["role"] == "admin")
    gone = api("DELETE", f"/v1/members/{added['id']}", boss, **claimed)
    last = api("DELETE", f"/v1/members/{format_id(api.office.ada.id)}", boss, **claimed)

    assert again.status_code == 409
    assert raised.json()["role"] == "admin"
    assert ada["email"] == "ada@example.com"
    assert gone.status_code == 204
    assert (last.status_code, "last admin" in last.json()["detail"]) == (409, True)
    listed = api("GET", "/v1/members", boss).json()["members"]
    assert [each["email"] for each in listed] == ["ada@example.com"]
    assert api("GET", "/v1/caller", boss, on_behalf_of="bob@example.com").status_code == 403


def test_a_request_that_comes_many_times_at_once_makes_one_key(api: Served) -> None:
    boss = api.key("keys:manage")
    asked = {"headers": {"Idempotency-Key": "order-1"}, "body": {"name": "ci"}}

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _n: api("POST", "/v1/keys", boss, **asked), range(24)))

    assert sorted({each.status_code for each in answers}) == [200, 201]
    assert len({each.json()["id"] for each in answers}) == 1
    assert len([each for each in answers if each.json()["secret"]]) == 1


def test_the_command_line_tells_a_key_that_acted_and_the_member_it_claimed(api: Served) -> None:
    boss = api.key("keys:manage", name="deploy-bot")
    made = api("POST", "/v1/keys", boss, body={"name": "ci"}, on_behalf_of="ada@example.com").json()
    api("POST", "/v1/keys/ci/disable", boss, body={"reason": "on leave"})

    with open_view(api.office.database, api.office.id) as view:
        people = view.people()
        told = [
            describe(each.event, people) for each in view.timeline(bytes.fromhex(made["id"].replace("-", "")))
        ]

    key = f"the key deploy-bot ({format_id(boss.id)[:8]})"
    assert told == [
        f"created by {key} for ada@example.com (claimed), owner ada@example.com",
        f"disabled by {key}: on leave",
    ]


@pytest.mark.sqlite_only("what is counted is counted in the process, whichever database stores it")
def test_uses_that_could_not_be_stored_are_counted_on(api: Served) -> None:
    office, key = api.office, api.key()
    desk = api.app.state.desk
    for _ in range(4):
        api("GET", "/v1/caller", key)
    office.now += 2 * HOUR
    writable, desk.database.writable = desk.database.writable, False
    with pytest.raises(LedgerUnavailable):
        desk.own_uses.flush()
    desk.database.writable = writable

    desk.own_uses.flush()

    assert office.records()[key.id].use_count == 4
