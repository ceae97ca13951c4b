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

    assert [(use["service"], use["caller"]) for use in rotation["still_using"]] == [("pay", "web-1")]
    assert (rotation["moved"], rotation["safe_to_revoke"], rotation["uses_a_day"]) == ([], False, 2.0)
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

    assert "Would revoke billing" in rehearsed.err
    assert keyledger("rotation", "finish", "billing", "--yes").status == 1


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


@pytest.mark.parametrize("arguments", [(), ("billing", "--where", "name=billing")])
def test_keys_are_named_or_described(keyledger: Door, arguments: tuple[str, ...]) -> None:
    keyledger.create("billing")

    assert keyledger("key", "revoke", *arguments, "--yes").status == 2
