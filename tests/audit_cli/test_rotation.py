"""Rotations through the command line, from the start to the end of the old key."""

import json
import stat

import pytest

from tests.door import Door


@pytest.fixture
def rotated(keyledger: Door) -> Door:
    """A key that was used, rotated, and used again by its old secret."""
    secret = keyledger.create("billing")["secret"]
    keyledger.well("check", "--service", "pay", "--caller", "web-1", stdin=secret)
    keyledger.well("key", "rotate", "billing", "--format", "secret")
    keyledger.well("check", "--service", "pay", "--caller", "web-1", stdin=secret)
    return keyledger


def test_the_status_tells_who_still_uses_the_old_key(rotated: Door) -> None:
    (rotation,) = rotated.well("rotation", "status", "--format", "json").json["rotations"]

    (still,) = rotation["still_using"]
    assert (still["service"], still["caller"], still["uses_a_day"]) == ("pay", "web-1", 1.0)
    assert (rotation["moved"], rotation["safe_to_revoke"], rotation["uses_a_day"]) == ([], False, 1.0)
    table = rotated.well("rotation", "status", "billing").out
    assert "not yet, because used within 1d by web-1 (pay)" in " ".join(table.split())
    assert max(map(len, table.splitlines())) <= 80


def test_a_rotation_is_finished_only_when_that_is_safe(rotated: Door) -> None:
    refused = rotated("rotation", "finish", "billing", "--yes")
    assert refused.status == 1
    assert "--force" in refused.err

    rotated.well("rotation", "finish", "billing", "--force", "--yes")

    assert rotated.well("rotation", "status").out == ""
    states = {key["state"] for key in rotated.well("key", "list", "--format", "json").json["keys"]}
    assert states == {"active", "revoked"}


def test_a_safe_rotation_is_finished_without_force(keyledger: Door) -> None:
    keyledger.create("billing")
    keyledger.well("key", "rotate", "billing", "--format", "secret")

    rehearsed = keyledger.well("rotation", "finish", "billing", "--dry-run")
    keyledger.well("rotation", "finish", "billing", "--yes")

    assert "Would revoke billing" in rehearsed.out
    assert "Nothing was revoked" in rehearsed.err
    assert keyledger("rotation", "finish", "billing", "--yes").status == 1


def test_what_happens_while_the_question_stands_is_seen(
    keyledger: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given somebody who uses the old key before the answer is given
    secret = keyledger.create("billing")["secret"]
    keyledger.well("key", "rotate", "billing", "--format", "secret")

    def answer(*_question: object, **_options: object) -> bool:
        keyledger.well("check", "--service", "pay", "--caller", "web-1", stdin=secret)
        return True

    monkeypatch.setattr("audit_cli.console.is_interactive", lambda: True)
    monkeypatch.setattr("typer.confirm", answer)

    finished = keyledger("rotation", "finish", "billing")

    assert finished.status == 1
    assert "used within 1d by web-1 (pay)" in finished.err
    keyledger.well("check", "--service", "pay", stdin=secret)


def test_of_an_end_and_a_revocation_at_once_one_says_that_it_came_too_late(keyledger: Door) -> None:
    old = keyledger.create("billing")["id"]
    keyledger.well("key", "rotate", "billing", "--format", "secret")
    commands = (("rotation", "finish", "billing", "--yes"), ("key", "revoke", old, "--yes"))

    started = [keyledger.start(*command) for command in commands]
    told = [(process.communicate()[1].decode(), process.returncode) for process in started]

    assert [status for _, status in told].count(0) >= 1
    for said, status in told:
        assert "Traceback" not in said
        assert status == 0 or said.count("keyledger: ") == 1
    states = {
        key["id"]: key["state"] for key in keyledger.well("key", "list", "--format", "json").json["keys"]
    }
    assert sorted(states.values()) == ["active", "revoked"]
    assert states[old] == "revoked"


def test_the_aged_keys_of_a_report_are_rotated_and_no_secret_is_lost(keyledger: Door) -> None:
    # given a report with an aged key that works, one that was rotated since and one that is waived
    keyledger.create("billing")
    keyledger.create("deploy")
    keyledger.create("export")
    keyledger.well("waive", "export", "aged-key", "--reason", "x", "--owner", "ops", "--until", "3d")
    report = keyledger.folder / "report.json"
    asked = ("audit", "--max-age", "0s", "--rule", "aged-key", "--fail-on", "none", "--format", "json")
    keyledger.well(*asked, "-o", str(report))
    keyledger.well("key", "rotate", "deploy", "--format", "secret")
    secrets = keyledger.folder / "secrets.jsonl"

    start = ("rotation", "start", "--from-audit", str(report), "--yes")
    answer = keyledger.well(*start, "--secrets-file", str(secrets))

    (created,) = map(json.loads, secrets.read_text().splitlines())
    assert (created["schema"], created["name"]) == ("keyledger.created/1", "billing")
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert created["secret"] not in answer.out + answer.err
    assert "rotated already" in answer.err
    keyledger.well("check", "--service", "pay", stdin=created["secret"])


def test_who_calls_from_where_and_how_often_is_told_of_each_caller(keyledger: Door) -> None:
    keyledger.create("billing")
    rotated = keyledger.well("key", "rotate", "billing", "--format", "json").json
    at = moment_after(rotated["old_id"], keyledger)
    uses = [
        {"key": rotated["old_id"], "service": "pay", "caller": "web-1", "source_ip": f"192.0.2.{number}"}
        for number in range(7)
    ]
    uses.append({"key": rotated["id"], "service": "pay", "caller": "web-2"})
    lines = "".join(json.dumps(use | {"occurred_at": at}) + "\n" for use in uses)
    keyledger.well("use", "append", "-", stdin=lines)

    (rotation,) = keyledger.well("rotation", "status", "--format", "json").json["rotations"]
    table = keyledger.well("rotation", "status").out

    assert [(use["caller"], use["uses_a_day"]) for use in rotation["still_using"]] == [("web-1", 7.0)]
    assert len(rotation["still_using"][0]["addresses"]) == 7
    assert [use["caller"] for use in rotation["moved"]] == ["web-2"]
    words = " ".join(table.split())
    assert (
        "Old key web-1 (pay) from 192.0.2.0, 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4 and 2 more" in words
    )
    assert "7 uses a day" in words
    assert max(map(len, table.splitlines())) <= 80


def moment_after(old_id: str, keyledger: Door) -> str:
    """A moment at which the key had been rotated, as senders write them."""
    shown = keyledger.well("key", "show", old_id, "--format", "json").json
    rotated_at: str = shown["key"]["rotated_at"]
    return rotated_at


def test_whoever_is_refused_after_the_overlap_is_told_and_keeps_nobody_from_the_end(keyledger: Door) -> None:
    secret = keyledger.create("billing")["secret"]
    keyledger.well("check", "--service", "pay", "--caller", "web-1", stdin=secret)
    keyledger.well("key", "rotate", "billing", "--overlap", "0s", "--format", "secret")
    assert keyledger("check", "--service", "pay", "--caller", "web-1", stdin=secret).status == 1

    (rotation,) = keyledger.well("rotation", "status", "--format", "json").json["rotations"]
    table = keyledger.well("rotation", "status").out

    assert rotation["safe_to_revoke"]
    assert "overlap ended" in table
    assert "Verdict     safe to revoke" in table
    keyledger.well("rotation", "finish", "billing", "--yes")


def test_an_overlap_ends_with_the_old_key_at_the_latest(keyledger: Door) -> None:
    keyledger.create("billing", "--expires-in", "2d")
    expires_at = keyledger.well("key", "show", "billing", "--format", "json").json["key"]["expires_at"]

    rotated = keyledger.well("key", "rotate", "billing", "--overlap", "7d", "--format", "json").json

    assert rotated["overlap_ends_at"] == expires_at


def test_without_the_role_rotations_are_seen_and_rehearsed_only(rotated: Door) -> None:
    rotated.create("deploy")
    rotated.well("member", "add", "bob@example.com", "--role", "member")
    as_bob = ("--as", "bob@example.com")
    finish = ("rotation", "finish", "billing", "--force", *as_bob)
    start = ("rotation", "start", "deploy", "--secrets-file", "s.jsonl", *as_bob)

    rotated.well("rotation", "status", *as_bob)
    rotated.well(*finish, "--dry-run")
    rotated.well(*start, "--dry-run")
    answers = [rotated(*finish, "--yes"), rotated(*start, "--yes")]

    assert [answer.status for answer in answers] == [1, 1]
    assert all("ask an admin" in answer.err for answer in answers)
    assert not (rotated.folder / "s.jsonl").exists()


def test_a_rehearsal_shows_whom_a_rotation_concerns_and_makes_no_file(keyledger: Door) -> None:
    keyledger.create("billing", "--owner", "ops")

    answer = keyledger.well("rotation", "start", "billing", "--secrets-file", "s.jsonl", "--dry-run")

    assert "billing" in answer.out
    assert "ops" in answer.out
    assert "Nothing was rotated" in answer.err
    assert not (keyledger.folder / "s.jsonl").exists()


def test_of_the_keys_that_are_named_all_must_be_fit_before_one_is_rotated(keyledger: Door) -> None:
    keyledger.create("billing")
    keyledger.create("deploy")
    keyledger.well("key", "disable", "deploy")

    for wrong in ("deploy", "nope"):
        answer = keyledger("rotation", "start", "billing", wrong, "--secrets-file", "s.jsonl", "--yes")
        assert (answer.status, answer.err.count("\n")) == (1, 1)

    assert keyledger.well("rotation", "status", "--format", "json").json["rotations"] == []


def test_without_a_yes_nothing_is_rotated_where_nobody_can_be_asked(keyledger: Door) -> None:
    keyledger.create("billing")

    answer = keyledger("rotation", "start", "billing", "--secrets-file", "s.jsonl")

    assert answer.status == 2
    assert not (keyledger.folder / "s.jsonl").exists()


@pytest.mark.parametrize(
    "arguments", [("--secrets-file", "s"), ("billing",), ("billing", "--secrets-file", "-")]
)
def test_what_a_start_needs_is_asked_for(keyledger: Door, arguments: tuple[str, ...]) -> None:
    keyledger.create("billing")

    assert keyledger("rotation", "start", *arguments, "--yes").status == 2


def test_an_impossible_overlap_rotates_nothing(keyledger: Door) -> None:
    keyledger.create("billing")
    start = ("rotation", "start", "billing", "--secrets-file", "s.jsonl", "--yes")

    answer = keyledger(*start, "--overlap", "366d")

    assert (answer.status, answer.err.count("\n")) == (1, 1)
    assert "365 days" in answer.err
    keyledger.well(*start)


def test_a_report_of_another_organization_starts_nothing(keyledger: Door) -> None:
    report = keyledger.folder / "report.json"
    report.write_text('{"schema": "keyledger.audit/1", "organization": "emca", "findings": []}')

    answer = keyledger("rotation", "start", "--from-audit", str(report), "--secrets-file", "s", "--yes")

    assert answer.status == 1
    assert "'emca'" in answer.err


def test_no_report_of_strangers_steers_the_terminal(keyledger: Door) -> None:
    finding = {"rule": "aged-key", "status": "open", "key_id": "0" * 8, "remedy": "x", "key_name": "\x1b[2J"}
    report = {"schema": "keyledger.audit/1", "organization": "acme", "findings": [finding]}
    (keyledger.folder / "report.json").write_text(json.dumps(report))

    answer = keyledger("rotation", "start", "--from-audit", "report.json", "--secrets-file", "s", "--yes")

    assert "left out \\x1b[2J" in answer.err
    assert "\x1b" not in answer.err


def test_of_a_key_minted_elsewhere_the_command_to_type_is_told(keyledger: Door) -> None:
    folder = keyledger.folder / "keys"
    folder.mkdir()
    key = {"UserName": "kaleb", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Active"}
    metadata = {"AccessKeyMetadata": [key | {"CreateDate": "2020-01-01T00:00:00Z"}]}
    (folder / "kaleb.json").write_text(json.dumps(metadata))
    keyledger.well("import", "iam-access-keys", str(folder))
    report = keyledger.folder / "report.json"
    keyledger.well("audit", "--fail-on", "none", "--format", "json", "-o", str(report))

    answer = keyledger.well("rotation", "start", "--from-audit", str(report), "--secrets-file", "s", "--yes")

    assert "aws iam create-access-key --user-name kaleb" in answer.err
    assert "There is no key to rotate" in answer.err


def test_a_start_that_was_killed_loses_no_secret(keyledger: Door) -> None:
    # given a process that is killed while it rotates
    names = [f"worker-{number:02}" for number in range(12)]
    for name in names:
        keyledger.create(name)
    start = keyledger.start("rotation", "start", *names, "--secrets-file", "s.jsonl", "--yes")
    assert start.stdout is not None
    start.stdout.readline()

    start.kill()
    start.communicate()

    # then every successor that there is can be opened with a secret of the file
    secrets = dict[str, str]()
    for line in (keyledger.folder / "s.jsonl").read_text().splitlines():
        created = json.loads(line)
        secrets[created["id"]] = created["secret"]
    keys = keyledger.well("key", "list", "--format", "json").json["keys"]
    successors = [key["successor_id"] for key in keys if key["successor_id"]]
    assert successors
    for successor in successors:
        keyledger.well("check", "--service", "pay", stdin=secrets[successor])


def test_of_two_starts_at_once_each_key_is_rotated_by_one(keyledger: Door) -> None:
    # By their ids: once a key is rotated, its name means the successor.
    keys = [keyledger.create(f"worker-{number:02}")["id"] for number in range(12)]
    files = [keyledger.folder / f"s{number}.jsonl" for number in range(2)]

    starts = [
        keyledger.start("rotation", "start", *keys, "--secrets-file", str(file), "--yes") for file in files
    ]
    for start in starts:
        start.communicate()

    listed = keyledger.well("key", "list", "--format", "json").json["keys"]
    successors = sorted(key["successor_id"] for key in listed if key["successor_id"])
    lines = [line for file in files if file.exists() for line in file.read_text().splitlines()]
    assert len(successors) == len(keys)
    assert sorted(json.loads(line)["id"] for line in lines) == successors


def test_a_file_of_secrets_is_never_overwritten(keyledger: Door) -> None:
    keyledger.create("billing")
    secrets = keyledger.folder / "secrets.jsonl"
    secrets.write_text("precious")

    answer = keyledger("rotation", "start", "billing", "--secrets-file", str(secrets), "--yes")

    assert (answer.status, secrets.read_text()) == (1, "precious")
    assert keyledger.well("rotation", "status").out == ""


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema": "keyledger.keys/1"}', "\xff", '{"schema": "keyledger.audit/1"}']
)
def test_what_is_no_report_starts_nothing(keyledger: Door, text: str) -> None:
    report = keyledger.folder / "report.json"
    report.write_text(text, encoding="latin-1")

    answer = keyledger("rotation", "start", "--from-audit", str(report), "--secrets-file", "s", "--yes")

    assert (answer.status, answer.err.count("\n")) == (1, 1)


def test_keys_are_revoked_by_what_they_have_in_common(keyledger: Door) -> None:
    for name in ("billing", "deploy", "export"):
        secret = keyledger.create(name)["secret"]
        keyledger.well("check", "--service", "pay" if name != "deploy" else "ci", stdin=secret)

    rehearsed = keyledger.well("key", "revoke", "--where", "service=pay", "--dry-run")
    keyledger.well("key", "revoke", "--where", "service=pay", "--reason", "breach", "--yes")

    assert "billing" in rehearsed.out
    assert "deploy" not in rehearsed.out
    keys = keyledger.well("key", "list", "--format", "json").json["keys"]
    assert {key["name"]: key["state"] for key in keys} == {
        "billing": "revoked",
        "deploy": "active",
        "export": "revoked",
    }
    assert "nothing was revoked" in keyledger.well("key", "revoke", "--where", "service=pay", "--yes").err


def test_a_choice_is_rehearsed_by_who_may_only_read_and_carried_out_by_an_admin(keyledger: Door) -> None:
    keyledger.create("billing", "--owner", "bob@example.com")
    keyledger.create("deploy", "--owner", "ops")
    keyledger.well("member", "add", "bob@example.com", "--role", "member")
    revoke = ("key", "revoke", "--where", "service=pay or owner='bob@example.com'", "--as", "bob@example.com")

    rehearsed = keyledger.well(*revoke, "--dry-run")
    refused = keyledger(*revoke, "--yes")

    assert "billing" in rehearsed.out
    assert "deploy" not in rehearsed.out
    assert (refused.status, refused.err.count("\n")) == (1, 1)
    states = {key["state"] for key in keyledger.well("key", "list", "--format", "json").json["keys"]}
    assert states == {"active"}


def test_of_a_chosen_key_that_was_minted_elsewhere_the_command_to_type_is_told(keyledger: Door) -> None:
    folder = keyledger.folder / "keys"
    folder.mkdir()
    key = {"UserName": "kaleb", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Active"}
    metadata = {"AccessKeyMetadata": [key | {"CreateDate": "2020-01-01T00:00:00Z"}]}
    (folder / "kaleb.json").write_text(json.dumps(metadata))
    keyledger.well("import", "iam-access-keys", str(folder))

    answer = keyledger.well("key", "revoke", "--where", "owner=kaleb", "--yes")

    assert "aws iam update-access-key --user-name kaleb --access-key-id AKIAIOSFODNN7EXAMPLE" in answer.err
    assert "nothing was revoked" in answer.err


@pytest.mark.parametrize("arguments", [(), ("billing", "--where", "name=billing")])
def test_keys_are_named_or_described(keyledger: Door, arguments: tuple[str, ...]) -> None:
    keyledger.create("billing")

    assert keyledger("key", "revoke", *arguments, "--yes").status == 2
