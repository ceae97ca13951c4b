"""Who answers for which keys: listed, moved and confirmed at the door."""

from typing import Any

import pytest

from tests.door import Door


@pytest.fixture
def departed(keyledger: Door) -> Door:
    """An organization that Bob has left, who owned two keys; one more is a team's and one nobody's."""
    keyledger.well("member", "add", "bob@example.com", "--role", "member")
    for name, owner in (("alpha", "bob@example.com"), ("beta", "bob@example.com"), ("gamma", "team-a")):
        keyledger.well("key", "create", name, "--owner", owner, "--format", "json")
    keyledger.well("key", "create", "delta", "--format", "json")
    keyledger.well("key", "set", "delta", "--no-owner")
    keyledger.well("member", "remove", "bob@example.com", "--yes")
    return keyledger


def owners(door: Door, *options: str) -> list[tuple[str | None, str, list[str]]]:
    told: list[dict[str, Any]] = door.well("owners", *options, "--format", "json").json["owners"]
    return [(each["owner"], each["standing"], [key["name"] for key in each["keys"]]) for each in told]


def test_the_keys_of_departed_members_come_first_and_then_those_of_nobody(departed: Door) -> None:
    assert owners(departed) == [
        ("bob@example.com", "departed", ["alpha", "beta"]),
        (None, "nobody", ["delta"]),
        ("team-a", "not a member", ["gamma"]),
    ]
    assert owners(departed, "--departed") == owners(departed)[:1] == owners(departed, "BOB@example.com")


def test_the_list_says_who_left_and_how_to_move_the_keys(departed: Door) -> None:
    answer = departed.well("owners")

    assert "bob@example.com (left" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    assert "2 keys belong to 1 departed member" in answer.err
    assert "key set --where 'owner=bob@example.com' --owner WHO" in answer.err


def test_the_keys_of_one_owner_are_moved_at_once(departed: Door) -> None:
    where = ("key", "set", "--where", "owner=bob@example.com", "--owner", "team-a")

    rehearsed = departed.well(*where, "--dry-run")
    asked = departed(*where)
    departed.well(*where, "--yes")

    assert [line.split()[0] for line in rehearsed.out.splitlines()] == ["alpha", "beta"]
    assert (asked.status, asked.out) == (2, "")
    assert owners(departed, "team-a") == [("team-a", "not a member", ["alpha", "beta", "gamma"])]
    assert departed.well("owners", "--departed").err == "No such owner has keys.\n"


def test_several_keys_are_set_by_name_and_one_that_cannot_be_stops_no_other(departed: Door) -> None:
    departed.well("key", "revoke", "alpha", "--yes")

    answer = departed("key", "set", "alpha", "beta", "--expires-in", "9d")

    assert answer.status == 1
    assert "alpha" in answer.err
    assert answer.out.startswith("Changed beta (")


def test_a_name_is_for_one_key(departed: Door) -> None:
    assert departed("key", "set", "alpha", "beta", "--name", "x").status == 2
    assert departed("key", "set", "--where", "name=alpha", "--name", "x", "--yes").status == 2


@pytest.mark.parametrize("verb", [("key", "set", "--owner", "x"), ("key", "confirm")])
def test_keys_are_named_or_described_and_not_both(keyledger: Door, verb: tuple[str, ...]) -> None:
    assert keyledger(*verb).status == 2
    assert keyledger(*verb, "ci", "--where", "name=ci").status == 2


def test_a_confirmation_is_shown_and_ends_the_finding(keyledger: Door) -> None:
    keyledger.create("ci")
    policy = keyledger.folder / "policy.toml"
    policy.write_text('confirm_within = "0s"\n[rules.unconfirmed-key]\nenabled = true\n')
    asked = ("audit", "--rule", "unconfirmed-key", "--format", "json", "--policy", str(policy))
    (before,) = keyledger(*asked).json["findings"]

    keyledger.well("key", "confirm", "--where", "name=c*", "--reason", "yearly review")

    assert before["remedy"] == f"keyledger key confirm {before['key_id']}"
    assert "not confirmed by its owner" in before["message"]
    assert "last confirmed" in keyledger(*asked).json["findings"][0]["message"]
    assert "Confirmed  " in keyledger.well("key", "show", "ci").out
    assert keyledger.well("key", "show", "ci", "--format", "json").json["key"]["confirmed_at"]
    assert "yearly review" in keyledger.well("key", "history", "ci").out


def test_a_member_confirms_what_is_theirs_and_nothing_else(keyledger: Door) -> None:
    keyledger.well("member", "add", "bob@example.com", "--role", "member")
    keyledger.well("key", "create", "his", "--owner", "bob@example.com", "--format", "json")
    keyledger.create("hers")

    keyledger.well("key", "confirm", "his", "--as", "bob@example.com")
    refused = keyledger("key", "confirm", "hers", "--as", "bob@example.com")

    assert (refused.status, refused.out) == (1, "")
    assert "neither the owner of hers nor an admin" in refused.err


def test_where_there_are_no_keys_that_is_said(keyledger: Door) -> None:
    assert "There are no keys that could be used" in keyledger.well("owners").err
