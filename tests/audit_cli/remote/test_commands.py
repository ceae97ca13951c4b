"""Commands at a server do and print what they do and print on the ledger."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Thread

import pytest

from audit_cli.remote import keys, uses
from http_api.key_revocation import MAX_KEYS
from http_api.settings import Limits, ServerSettings
from ledger.events import MemberDetails, Role
from ledger.moments import format_moment
from ledger.secret import new_secret
from tests.door import Door
from tests.http_api.served import Served, served
from tests.office import Office

TRIES = 5

WELCOME = b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nwelcome"
BROKEN_OFF = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nab"


def line(key: str, number: int, **more: object) -> str:
    use = {"key": key, "service": "deploy", "occurred_at": "2024-05-30T12:00:00Z", "id": f"u-{number}"}
    return json.dumps(use | more) + "\n"


@contextmanager
def stranger(answer: bytes = WELCOME) -> Iterator[str]:
    """A server of something else, that says the same to all."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers["content-length"] or 0))
            self.wfile.write(answer)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_key_is_made_changed_rotated_and_ended(at_server: Door, api: Served) -> None:
    made = at_server.well(
        "key", "create", "ci-deploy", "--expires-in", "90d", "--scope", "deploy", "--format", "json"
    )
    at_server.well("key", "set", "ci-deploy", "--owner", "platform-team", "--no-expiry")
    at_server.well("key", "disable", "ci-deploy", "--reason", "looking")
    at_server.well("key", "enable", "ci-deploy")
    rotated = at_server.well("key", "rotate", "ci-deploy", "--overlap", "3d", "--format", "json").json
    planned = at_server.well("key", "revoke", made.json["id"], "--dry-run")
    ended = at_server.well("key", "revoke", made.json["id"], "--yes", "--reason", "replaced")

    office = api.office
    old = office.ledger.key(office.org, office.ledger.find_key(office.org, made.json["id"]))
    assert (old.state, old.owner, old.expires_at) == ("revoked", "platform-team", None)
    assert rotated["old_id"] == made.json["id"]
    assert "ci-deploy" in planned.out
    assert ended.out == f"Revoked ci-deploy ({made.json['id'][:8]}): it is refused from now on.\n"


def test_keys_are_listed_shown_and_told_of(at_server: Door, api: Served) -> None:
    at_server.well("key", "create", "ci-deploy")
    api.office.now += timedelta(hours=1) // timedelta(microseconds=1)

    listed = at_server.well("key", "list")
    shown = at_server.well("key", "show", "ci-deploy")
    told = at_server.well("key", "history", "ci-deploy")
    document = at_server.well("key", "show", "ci-deploy", "--format", "json").json

    assert [row.split()[0] for row in listed.out.splitlines()[2:]] == ["ci-deploy", "deploy-bot"]
    assert "Expires    never" in shown.out
    assert "created by deploy-bot" in told.out
    assert document["schema"] == "keyledger.key/1"
    assert at_server.well("key", "list", "--state", "revoked").out == ""


def test_whom_a_key_acts_for_is_said_and_recorded_as_a_claim(at_server: Door) -> None:
    at_server.well("key", "create", "ci-deploy", "--as", "ada@example.com")

    told = at_server.well("key", "history", "ci-deploy")
    refused = at_server("key", "create", "other", "--as", "eve@example.com")

    assert "created by deploy-bot for ada@example.com (claimed)" in told.out
    assert refused.status == 1
    assert "no member" in refused.err


def test_more_keys_than_a_body_may_name_are_revoked_in_several(
    at_server: Door, api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keys.REVOKED_AT_ONCE <= MAX_KEYS
    monkeypatch.setattr(keys, "REVOKED_AT_ONCE", 2)
    names = {f"bulk-{number}" for number in range(5)}
    for name in names:
        api.office.key(name)

    ended = at_server.well("key", "revoke", "--where", "name=bulk-*", "--yes")

    assert len(ended.out.splitlines()) == len(names)
    assert {record.name for record in api.office.records().values() if record.state == "revoked"} == names


def test_a_name_with_a_slash_names_a_key_in_a_path_too(at_server: Door) -> None:
    at_server.well("key", "create", "team/ci/history")

    shown = at_server.well("key", "show", "team/ci/history", "--format", "json").json
    at_server.well("key", "disable", "team/ci/history")
    told = at_server.well("key", "history", "team/ci/history")
    unknown = at_server("key", "show", "../members")

    assert shown["key"]["name"] == "team/ci/history"
    assert "disabled by deploy-bot" in told.out
    assert "no key is called '../members'" in unknown.err


@pytest.mark.parametrize("email", ["zoë@example.com", "日本@example.com"])
def test_a_member_of_any_letters_can_be_named(at_server: Door, api: Served, email: str) -> None:
    api.office.ledger.add_member(api.office.org, api.office.ada, MemberDetails(email), Role.ADMIN)

    at_server.well("key", "create", "ci-deploy", "--as", email)

    assert f"for {email} (claimed)" in at_server.well("key", "history", "ci-deploy").out


def test_uses_are_appended_in_bodies_and_refusals_keep_their_line_numbers(
    at_server: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "BATCH_LINES", 10)
    at_server.well("key", "create", "ci-deploy")
    lines = [line("ci-deploy", number) for number in range(25)]
    lines[12] = "{\n"
    lines[23] = line("nobody", 23)

    appended = at_server("use", "append", "--reporter", "gateway", "--format", "jsonl", stdin="".join(lines))
    again = at_server("use", "append", "--reporter", "gateway", "--skip", "13", stdin="".join(lines))

    told = [json.loads(each) for each in appended.out.splitlines()]
    assert [each.get("lines") for each in told] == [10, 20, 25, None]
    assert (told[-1]["read"], told[-1]["stored"], told[-1]["refused"]) == (25, 23, 2)
    assert [each.split(":")[0] for each in appended.err.splitlines()] == ["line 13", "line 24"]
    assert appended.status == 1
    assert "read 12, stored 0, known already 11, refused 1." in again.err


def test_refusals_that_the_server_does_not_tell_one_by_one_are_counted(at_server: Door) -> None:
    refused = at_server("use", "append", stdin="".join(line("nobody", number) for number in range(150)))

    assert refused.status == 1
    assert "line 100: unknown key 'nobody'" in refused.err
    assert "lines 1 to 150: 50 more refused" in refused.err
    assert "refused 150" in refused.err


@pytest.mark.parametrize("command", [("use", "append"), ("check",), ("key", "list")], ids=" ".join)
def test_whatever_answers_and_is_no_keyledger_server_is_told_as_such(
    outside: Door, command: tuple[str, ...]
) -> None:
    secret = new_secret("kl", Random(3).randbytes).reveal()
    with stranger() as url:
        outside.environment = {"KEYLEDGER_SERVER": url, "KEYLEDGER_API_KEY": secret}
        answer = outside(*command, stdin=line("x", 1) if command == ("use", "append") else secret)

    assert answer.status == 1
    assert answer.err.endswith("is it a keyledger server of this version?\n")


def test_a_refusal_that_breaks_off_is_told_in_a_line(outside: Door) -> None:
    secret = new_secret("kl", Random(3).randbytes).reveal()
    with stranger(BROKEN_OFF) as url:
        outside.environment = {"KEYLEDGER_SERVER": url, "KEYLEDGER_API_KEY": secret}
        answer = outside("key", "list")

    assert answer.status == 1
    assert answer.err == f"keyledger: {url} answers with 503; is it a keyledger server?\n"


def test_uses_that_a_server_takes_no_more_of_are_gone_on_with(
    outside: Door, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "BATCH_LINES", 10)
    settings = ServerSettings(office.address, limits=Limits(uses_unpacked=2_000))
    lines = [line("ci-deploy", number, user_agent="x" * number) for number in (*range(20), *range(400, 410))]
    with served(office, settings) as api:
        api.key(name="ci-deploy")
        key = api.key("uses:append", name="gateway").secret.reveal()
        outside.environment = {"KEYLEDGER_SERVER": api.url, "KEYLEDGER_API_KEY": key}
        refused = outside("use", "append", stdin="".join(lines))

    said, why = refused.err.splitlines()
    assert said.startswith("the 20 stored so far stay; go on with --skip 20")
    assert "2000 bytes at most" in why
    assert refused.status == 1


def test_a_secret_is_checked_and_its_use_recorded(at_server: Door, api: Served) -> None:
    secret = api.key(name="billing").secret.reveal()

    valid = at_server.well("check", "--service", "payments", stdin=secret)
    unknown = at_server("check", stdin="kl_nothing")

    assert valid.out == "valid: billing of acme\n"
    assert (unknown.status, unknown.out) == (1, "not valid: unknown\n")
    assert at_server.well("key", "show", "billing", "--format", "json").json["key"]["use_count"] == 1


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "markdown", "sarif", "ocsf", "github"])
def test_an_audit_prints_what_one_of_the_ledger_prints(at_server: Door, api: Served, form: str) -> None:
    at_server.well("key", "create", "ab")
    api.office.now += timedelta(days=100) // timedelta(microseconds=1)
    as_of = format_moment(api.office.now)
    here = Door(at_server.folder, api.office.address)
    asked = ("audit", "--as-of", as_of, "--unused-for", "1d", "--format", form)

    there, after = at_server(*asked), here(*asked)
    for _ in range(TRIES):
        # The server records now and then that its own key was used, which moves the ledger's position.
        if there == after:
            break
        there, after = at_server(*asked), here(*asked)

    assert there.status == 3
    assert there.out == after.out


def test_the_policy_of_the_settings_holds_at_a_server_too(at_server: Door) -> None:
    named = at_server("audit", "--policy", "pci-dss-4", "--format", "json")
    at_server.environment["KEYLEDGER_POLICY"] = "pci-dss-4"
    by_pack = at_server("audit", "--format", "json")
    at_server.environment["KEYLEDGER_POLICY"] = "strict.toml"
    by_file = at_server("audit")

    assert by_pack.json["policy"] == named.json["policy"]
    assert by_file.status == 2
    assert "'strict.toml' is no pack" in by_file.err


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (("a", "b", "--name", "x"), "--name is for one key"),
        (("a", "b"), "say what to change"),
    ],
    ids=["one name for two", "nothing"],
)
def test_a_change_that_cannot_be_is_refused_at_a_server_too(
    changes: tuple[str, ...], reason: str, at_server: Door
) -> None:
    for name in ("a", "b"):
        at_server.well("key", "create", name)

    refused = at_server("key", "set", *changes)

    assert refused.status == 2
    assert reason in refused.err
    assert [key["name"] for key in at_server.well("key", "list", "--format", "json").json["keys"][:2]] == [
        "a",
        "b",
    ]


def test_an_empty_name_is_refused_and_nothing_else_changed(at_server: Door) -> None:
    at_server.well("key", "create", "a")

    refused = at_server("key", "set", "a", "--name", "", "--owner", "bob")

    assert refused.status != 0
    assert "bob" not in at_server.well("key", "show", "a").out


def test_what_a_server_does_not_do_is_said(at_server: Door) -> None:
    recorded = at_server("audit", "--record", "--format", "html")
    beating = at_server("use", "append", "--heartbeat", "--reporter", "gateway", stdin="")
    chosen = at_server("key", "set", "--where", "owner=bob", "--owner", "ada", "--yes")

    assert "--record, --format html: not through a server" in recorded.err
    assert "UsageClient" in beating.err
    assert "name the keys" in chosen.err
    assert {recorded.status, beating.status, chosen.status} == {2}


def test_a_server_that_cannot_be_reached_or_is_none_is_told_in_a_line(outside: Door, api: Served) -> None:
    key = api.key("audit:read").secret.reveal()
    outside.environment = {"KEYLEDGER_SERVER": "http://127.0.0.1:1", "KEYLEDGER_API_KEY": key}
    away = outside("key", "list")
    outside.environment["KEYLEDGER_SERVER"] = f"{api.url}/elsewhere"
    none = outside("key", "list")

    assert away.err == "keyledger: http://127.0.0.1:1 cannot be reached: Connection refused\n"
    assert none.status == 1
    assert none.err.count("\n") == 1


def test_a_key_without_the_scope_is_refused_in_the_servers_words(outside: Door, api: Served) -> None:
    key = api.key("keys:check").secret.reveal()
    outside.environment = {"KEYLEDGER_SERVER": api.url, "KEYLEDGER_API_KEY": key}

    answer = outside("key", "create", "ci-deploy")

    assert answer.status == 1
    assert "keys:manage" in answer.err
