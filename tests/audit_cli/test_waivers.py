"""Waivers through the command line: for how long, by whom, and what remains of them."""

import json
from datetime import UTC, datetime, timedelta
from time import sleep

import pytest

from tests.door import Answer, Door

TERMS = ("--reason", "spare", "--owner", "ops")


@pytest.fixture
def named(keyledger: Door) -> Door:
    """A key whose name says nothing."""
    keyledger.create("tmp")
    return keyledger


def waive(door: Door, until: str, *more: str) -> Answer:
    return door("waive", "tmp", "undescriptive-name", *TERMS, "--until", until, *more)


@pytest.mark.parametrize(("until", "status"), [("365d", 0), ("366d", 1)])
def test_a_waiver_lasts_no_longer_than_a_year_where_no_policy_says_otherwise(
    named: Door, until: str, status: int
) -> None:
    answer = waive(named, until)

    assert answer.status == status
    assert ("365d at most (max_waiver)" in answer.err) is (status == 1)


@pytest.mark.parametrize(
    ("policy", "until", "status"),
    [
        ('max_waiver = "10d"', "10d", 0),
        ('max_waiver = "10d"', "11d", 1),
        # some keys are waived for less, or for longer
        ('[[override]]\nname = "tmp"\nmax_waiver = "1d"', "2d", 1),
        ('[[override]]\nname = "tmp"\nmax_waiver = "400d"', "400d", 0),
        ('[[override]]\nname = "other"\nmax_waiver = "1d"', "2d", 0),
        ('max_waiver = "0s"', "1s", 1),
    ],
)
def test_the_policy_for_the_key_says_for_how_long(named: Door, policy: str, until: str, status: int) -> None:
    path = named.folder / "policy.toml"
    path.write_text(policy)
    (named.folder / "keyledger.toml").write_text(f'policy = "{path}"')

    assert waive(named, until).status == status


def test_what_was_accepted_for_a_time_is_reported_when_that_is_over(named: Door) -> None:
    waive(named, "1s")
    sleep(1)

    answer = named("audit", "--fail-on", "info")

    assert answer.status == 3
    assert "the waiver by ops ended" in " ".join(answer.out.split())
    (listed,) = named.well("waivers", "--format", "json").json["waivers"]
    assert listed["state"] == "expired"
    assert "expired" in named.well("waivers").out
    assert waive(named, "30d").status == 0


def test_a_finding_that_is_waived_already_is_not_waived_longer_in_passing(named: Door) -> None:
    waive(named, "3d")

    answer = waive(named, "30d")

    assert (answer.status, answer.err.count("\n")) == (1, 1)
    assert "keyledger unwaive" in answer.err


def test_that_there_is_nothing_to_accept_is_said(named: Door) -> None:
    answer = named.well("waive", "tmp", "aged-key", *TERMS, "--until", "3d")

    assert "finds nothing wrong with this key" in answer.err
    assert "finds nothing" not in waive(named, "3d").err


def test_what_a_pause_in_its_use_shows_of_a_key_is_something_to_accept(keyledger: Door) -> None:
    key_id = keyledger.create("yearly-job")["id"]
    moments = (datetime.now(UTC) - timedelta(days=days) for days in (200, 1))
    uses = [{"key": key_id, "service": "pay", "occurred_at": at.isoformat()} for at in moments]
    keyledger.well("use", "append", "-", stdin="".join(f"{json.dumps(use)}\n" for use in uses))
    (found,) = keyledger("audit", "--rule", "dormant-then-active", "--format", "json").json["findings"]

    answer = keyledger.well("waive", "yearly-job", "dormant-then-active", *TERMS, "--until", "3d")

    assert found["key_id"] == key_id
    assert "finds nothing" not in answer.err


def test_without_a_waiver_the_list_says_so(named: Door) -> None:
    answer = named.well("waivers")

    assert (answer.out, answer.err) == ("", "Nothing is waived.\n")
    assert named.well("waivers", "--format", "json").json["waivers"] == []


def test_who_may_only_read_waives_and_withdraws_nothing(named: Door) -> None:
    named.well("member", "add", "bob@example.com", "--role", "member")

    answers = [
        waive(named, "3d", "--as", "bob@example.com"),
        named("unwaive", "tmp", "undescriptive-name", "--as", "bob@example.com"),
    ]

    assert [(answer.status, answer.err.count("\n")) for answer in answers] == [(1, 1)] * 2
    assert all("ask an admin" in answer.err for answer in answers)


def test_a_waiver_of_one_name_of_a_key_is_withdrawn_by_its_other_name(keyledger: Door) -> None:
    # given a slot of a report whose finding is waived before anybody knows which access key is in it
    arn, made = "arn:aws:iam::111122223333:user/kaleb", "2020-01-01T00:00:00+00:00"
    slot = ("active", "last_rotated", "last_used_date", "last_used_service")
    columns = [f"access_key_{number}_{what}" for number in (1, 2) for what in slot]
    cells = ["true", made, "N/A", "N/A", "false", "N/A", "N/A", "N/A"]
    report = "\n".join((",".join(("user", "arn", *columns)), ",".join(("kaleb", arn, *cells))))
    generated = ("--generated-at", "2024-01-01T00:00:00Z")
    keyledger.well("import", "iam-credential-report", "-", *generated, stdin=f"{report}\n")
    keyledger.well("waive", f"{arn}/1", "aged-key", *TERMS, "--until", "30d")
    key = {"UserName": "kaleb", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Active", "CreateDate": made}
    (keyledger.folder / "kaleb.json").write_text(json.dumps({"AccessKeyMetadata": [key]}))
    keyledger.well("import", "iam-access-keys", "kaleb.json")

    again = keyledger("waive", "AKIAIOSFODNN7EXAMPLE", "aged-key", *TERMS, "--until", "60d")
    keyledger.well("unwaive", "AKIAIOSFODNN7EXAMPLE", "aged-key")

    assert "waived for this key until" in again.err
    assert keyledger.well("waivers", "--format", "json").json["waivers"] == []
    keyledger.well("waive", f"{arn}/1", "aged-key", *TERMS, "--until", "30d")
