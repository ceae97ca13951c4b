"""A key from its creation to its end, through the command."""

import re

from ledger.secret import Secret
from tests.door import Door


def test_a_created_key_shows_its_secret_once_with_the_organization_and_a_hint(keyledger: Door) -> None:
    answer = keyledger.well("key", "create", "ci-github-actions", "--expires-in", "90d", "--scope", "deploy")

    secret = re.search(r"^Secret +(\S+)$", answer.out, re.MULTILINE)
    assert secret is not None
    assert Secret(secret[1]).is_well_formed
    assert "acme" in answer.out
    assert "will not be shown again" in answer.err
    assert secret[1] not in keyledger.well("key", "show", "ci-github-actions").out


def test_a_second_key_of_one_name_is_made_with_a_hint(keyledger: Door) -> None:
    first = keyledger.well("key", "create", "ci")
    second = keyledger.well("key", "create", "ci", "--format", "json")
    other = keyledger.well("key", "create", "cd")

    assert "another key of that name" in second.err
    assert "another key of that name" not in first.err + second.out + other.err


def test_the_name_of_a_revoked_key_is_free_again(keyledger: Door) -> None:
    keyledger.create("ci")
    keyledger.well("key", "revoke", "ci", "--yes")

    assert "another key of that name" not in keyledger.well("key", "create", "ci").err


def test_the_secret_alone_can_be_piped_into_a_check(keyledger: Door) -> None:
    secret = keyledger.well("key", "create", "ci", "--format", "secret").out

    answer = keyledger.well("check", "--service", "deploy", stdin=secret)

    assert answer.out == "valid: ci of acme\n"


def test_a_check_says_what_it_rests_on(keyledger: Door) -> None:
    created = keyledger.create("ci", "--scope", "deploy", "--scope", "read")

    verdict = keyledger.well("check", "--format", "json", stdin=created["secret"]).json

    assert verdict == {
        "schema": "keyledger.verdict/1",
        "valid": True,
        "reason": None,
        "organization": "acme",
        "key_id": created["id"],
        "name": "ci",
        "scopes": ["deploy", "read"],
    }


def test_a_disabled_key_is_refused_until_it_is_enabled_again(keyledger: Door) -> None:
    created = keyledger.create("ci")

    keyledger.well("key", "disable", "ci", "--reason", "on holiday")
    refused = keyledger("check", stdin=created["secret"])
    keyledger.well("key", "enable", "ci")
    accepted = keyledger("check", stdin=created["secret"])

    assert (refused.status, refused.out) == (1, "not valid: ci of acme is disabled\n")
    assert accepted.status == 0


def test_both_keys_of_a_rotation_work_and_the_name_means_the_successor(keyledger: Door) -> None:
    old = keyledger.create("ci")

    new = keyledger.well("key", "rotate", "ci", "--overlap", "3d", "--format", "json").json

    assert new["schema"] == "keyledger.created/1"
    assert new["old_id"] == old["id"]
    assert keyledger("check", stdin=old["secret"]).status == 0
    assert keyledger("check", stdin=new["secret"]).status == 0
    assert keyledger.well("key", "show", "ci", "--format", "json").json["key"]["id"] == new["id"]
    assert "rotating" in keyledger.well("key", "list").out


def test_a_rotation_tells_how_to_see_who_has_moved(keyledger: Door) -> None:
    keyledger.create("ci")

    answer = keyledger.well("key", "rotate", "ci")

    command = re.search(r"keyledger (rotation status [0-9a-f]{8})", answer.err)
    assert command is not None
    assert "Old key" in keyledger.well(*command[1].split()).out


def test_a_rotation_says_when_the_successor_ends(keyledger: Door) -> None:
    old = keyledger.create("ci", "--expires-in", "90d")
    rotate = ("key", "rotate", "ci", "--format", "json")

    alike = keyledger.well(*rotate).json
    shorter = keyledger.well(*rotate, "--expires-in", "1d").json
    endless = keyledger.well("key", "rotate", "ci", "--expires-in", "never").out

    assert None not in (old["expires_at"], alike["expires_at"], shorter["expires_at"])
    assert shorter["expires_at"] < old["expires_at"] < alike["expires_at"]
    assert re.search(r"^Expires +never$", endless, re.MULTILINE)
    assert keyledger("key", "rotate", "ci", "--expires-in", "soon").status == 2


def test_a_rotation_without_an_overlap_says_that_the_old_key_is_refused(keyledger: Door) -> None:
    old = keyledger.create("ci")

    answer = keyledger.well("key", "rotate", "ci", "--overlap", "0d")

    assert f"The old key {old['id'][:8]} is refused from now on." in answer.err
    assert keyledger("check", stdin=old["secret"]).out == "not valid: ci of acme is rotated\n"


def test_a_revoked_key_is_refused_from_then_on(keyledger: Door) -> None:
    created = keyledger.create("ci")

    keyledger.well("key", "revoke", "ci", "--yes", "--reason", "leaked")
    answer = keyledger("check", "--format", "json", stdin=created["secret"])

    assert answer.status == 1
    assert answer.json["reason"] == "revoked"
    history = keyledger.well("key", "history", "ci").out
    assert "revoked by ada@example.com: leaked" in history
    assert "refused, being revoked: an unknown caller (keyledger)" in history


def test_a_changed_key_is_as_it_was_set(keyledger: Door) -> None:
    keyledger.create("ci", "--scope", "read")

    keyledger.well(
        "key", "set", "ci", "--name", "ci-prod", "--owner", "platform", "--expires-in", "9d", "--no-scope"
    )
    again = keyledger.well("key", "set", "ci-prod", "--owner", "platform")

    key = keyledger.well("key", "show", "ci-prod", "--format", "json").json["key"]
    assert (key["owner"], key["scopes"]) == ("platform", [])
    assert key["expires_at"] is not None
    assert "is so already" in again.out


def test_a_history_tells_who_did_it_and_marks_a_claim(keyledger: Door) -> None:
    created = keyledger.create("ci", "--owner", "platform", "--scope", "deploy", "--expires-in", "9d")
    keyledger.well("check", "--service", "deploy", "--caller", "runner-1", stdin=created["secret"])
    for change in (
        ("set", "ci", "--name", "ci-2"),
        ("set", "ci-2", "--owner", "ada@example.com"),
        ("set", "ci-2", "--no-expiry"),
        ("set", "ci-2", "--scope", "read"),
        ("disable", "ci-2"),
        ("enable", "ci-2"),
        ("rotate", "ci-2"),
        ("revoke", created["id"][:8], "--yes"),
    ):
        keyledger.well("--as", "ADA@example.com", "key", *change)

    lines = keyledger.well("key", "history", created["id"]).out.splitlines()

    told = [line[22:] for line in lines[2:]]
    told = " ".join(line.strip() for line in told).split("ada@example.com (claimed)")
    assert lines[0] == f"ci-2  {created['id']}"
    assert "created by ada@example.com, owner platform" in told[0]
    assert "expires 20" in told[0]
    assert "scopes deploy" in told[0]
    assert "used by runner-1 (deploy)" in told[0]
    assert told[0].endswith("renamed 'ci-2' by ")
    assert "owner set to ada@example.com by " in told[1]
    assert told[2] == " expiry set to never by "
    assert told[3] == " scopes set to read by "
    assert told[4] == " disabled by "
    assert told[5] == " enabled by "
    assert told[6].startswith(" rotated by ")
    assert told[7].endswith(" revoked by ")


def test_a_history_for_machines_holds_the_events_and_their_actors(keyledger: Door) -> None:
    created = keyledger.create("ci")

    history = keyledger.well("key", "history", "ci", "--format", "json").json

    assert history["schema"] == "keyledger.history/1"
    assert history["key_id"] == created["id"]
    assert [event["topic"] for event in history["events"]] == ["key-created/1"]
    assert history["events"][0]["actor"] == "ada@example.com"
    assert history["events"][0]["authentication"] == "operating-system"


def test_a_list_for_machines_has_the_documented_shape(keyledger: Door) -> None:
    created = keyledger.create("ci")
    keyledger.well("check", "--service", "deploy", stdin=created["secret"])

    listed = keyledger.well("key", "list", "--format", "json").json

    assert (listed["schema"], listed["organization"], listed["position"]) == ("keyledger.keys/1", "acme", 4)
    assert set(listed["keys"][0]) == {
        *("id", "name", "kind", "source", "external_id", "masked", "owner", "state", "created_at"),
        *("created_by", "first_used_at", "last_used_at", "use_count", "error_count", "services"),
        *("successor_id", "overlap_ends_at"),
    }
    assert listed["keys"][0]["services"] == ["deploy"]


def test_an_event_that_a_report_cites_can_be_shown(keyledger: Door) -> None:
    keyledger.create("ci", "--scope", "deploy", "--owner", "platform")

    shown = keyledger.well("show-event", "3", "--format", "json").json
    text = keyledger.well("show-event", "3").out

    assert (shown["schema"], shown["topic"], shown["name"]) == ("keyledger.event/1", "key-created/1", "ci")
    assert shown["occurred_at"].endswith("Z")
    assert len(shown["fingerprint"]) == 64
    assert "owner            platform\n" in text
    assert "expires_at       -\n" in text
