import os
import pwd

from tests.door import Door


def test_members_are_listed_with_their_roles(keyledger: Door) -> None:
    keyledger.well("member", "add", "bob@example.com", "--role", "member", "--login", "bob")

    text = keyledger.well("member", "list").out
    listed = keyledger.well("member", "list", "--format", "json").json

    assert "bob@example.com  member  bob" in text
    assert listed["schema"] == "keyledger.members/1"
    assert [(member["email"], member["role"]) for member in listed["members"]] == [
        ("ada@example.com", "admin"),
        ("bob@example.com", "member"),
    ]


def test_a_new_role_and_a_removal_hold_at_once(keyledger: Door) -> None:
    keyledger.well("member", "add", "bob@example.com", "--role", "member")

    keyledger.well("member", "role", "bob@example.com", "admin")
    keyledger.well("key", "create", "ci", "--as", "bob@example.com")
    keyledger.well("member", "remove", "bob@example.com", "--yes")

    assert keyledger("key", "create", "other", "--as", "bob@example.com").status == 1
    assert "bob" not in keyledger.well("member", "list").out
    assert "(no longer a member)" in keyledger.well("key", "show", "ci").out


def test_removing_a_member_without_a_terminal_needs_a_yes(keyledger: Door) -> None:
    keyledger.well("member", "add", "bob@example.com", "--role", "member")

    assert keyledger("member", "remove", "bob@example.com").status == 2
    assert "bob" in keyledger.well("member", "list").out


def test_whoever_founds_an_organization_without_a_name_is_its_admin_by_login(empty: Door) -> None:
    user = pwd.getpwuid(os.getuid()).pw_name

    answer = empty.well("init", "acme", "--prefix", "acme")

    assert f"the system user {user!r}" in answer.out
    assert empty.well("key", "create", "ci", "--format", "secret").out.startswith("acme_")


def test_a_variable_is_no_proof_of_who_somebody_is(keyledger: Door) -> None:
    user = pwd.getpwuid(os.getuid()).pw_name
    claimed = {"USER": "mallory", "LOGNAME": "mallory"}

    answer = keyledger.process("key", "create", "ci", environment=claimed)

    assert answer.status == 0, user
