"""Remediation through the command line: a plan, its review, its steps."""

import json
import re
from collections import Counter
from pathlib import Path
from random import Random
from signal import SIGKILL
from time import sleep

import pytest

from tests.door import Answer, Door

CROWD = 16
AT_ONCE = ("warn", "disable", "revoke")


@pytest.fixture
def policy(keyledger: Door) -> Path:
    """A policy by which every key that was never used is to end at once."""
    path = keyledger.folder / "policy.toml"
    path.write_text('never_used_grace = "0s"\nwarn_for = "0s"\ndisable_for = "0s"\n')
    return path


@pytest.fixture
def plan(keyledger: Door, policy: Path) -> Path:
    """A plan for two keys, all of whose steps are due at once."""
    keyledger.create("billing-worker")
    keyledger.create("ci-deployer", "--owner", "ops")
    return planned(keyledger, "--policy", str(policy))


def planned(keyledger: Door, *options: str) -> Path:
    path = keyledger.folder / "plan.toml"
    keyledger.well("remediate", "plan", "-o", str(path), *options)
    return path


def edited(path: Path, pattern: str, replacement: str) -> Path:
    text, count = re.subn(pattern, replacement, path.read_text())
    assert count
    path.write_text(text)
    return path


def apply(keyledger: Door, path: Path, *options: str) -> Answer:
    return keyledger("remediate", "apply", str(path), "--yes", *options)


def states(keyledger: Door) -> dict[str, str]:
    keys = keyledger.well("key", "list", "--format", "json").json["keys"]
    return {key["name"]: key["state"] for key in keys}


def topics(keyledger: Door) -> Counter[str]:
    lines = keyledger.well("events").out.splitlines()
    return Counter(json.loads(line)["topic"].partition("/")[0] for line in lines)


def test_a_plan_is_written_and_changes_nothing(keyledger: Door, policy: Path) -> None:
    keyledger.create("billing-worker")
    before = topics(keyledger)

    answer = keyledger.well("remediate", "plan", "--policy", str(policy))

    assert 'schema = "keyledger.plan/1"' in answer.out
    assert 'steps = ["warn", "disable", "revoke"]' in answer.out
    assert "1 key to end by steps" in answer.err
    assert topics(keyledger) == before


def test_who_may_only_read_makes_plans_and_rehearses_them_but_applies_none(
    keyledger: Door, policy: Path
) -> None:
    keyledger.create("billing-worker")
    keyledger.well("member", "add", "bob@example.com", "--role", "member")
    path = planned(keyledger, "--policy", str(policy), "--as", "bob@example.com")

    rehearsed = keyledger.well("remediate", "apply", str(path), "--dry-run", "--as", "bob@example.com")
    refused = apply(keyledger, path, "--as", "bob@example.com")

    assert "billing-worker" in rehearsed.out
    assert (refused.status, refused.out) == (1, "")
    assert "ask an admin of the organization to apply remediation plans" in refused.err
    assert states(keyledger) == {"billing-worker": "active"}


def test_the_cooling_periods_come_from_the_policy_and_from_options_over_it(
    keyledger: Door, policy: Path
) -> None:
    keyledger.create("billing-worker")

    answer = keyledger.well("remediate", "plan", "--policy", str(policy), "--warn-for", "3d")

    assert 'steps = ["warn", "disable after 3d", "revoke"]' in answer.out


def test_steps_between_which_nothing_is_to_be_waited_for_are_taken_at_once(
    keyledger: Door, plan: Path
) -> None:
    rehearsed = keyledger.well("remediate", "apply", str(plan), "--dry-run")
    assert states(keyledger) == {"billing-worker": "active", "ci-deployer": "active"}

    answer = apply(keyledger, plan)

    assert "Nothing was changed" in rehearsed.err
    assert [line.split()[0] for line in answer.out.splitlines()] == ["Warned", "Disabled", "Revoked"] * 2
    assert states(keyledger) == {"billing-worker": "revoked", "ci-deployer": "revoked"}
    assert topics(keyledger)["remediation-stepped"] == 6
    history = keyledger.well("key", "history", "ci-deployer").out
    assert "its end was announced for never-used-key" in " ".join(history.split())


def test_a_plan_that_is_through_does_nothing_more(keyledger: Door, plan: Path) -> None:
    apply(keyledger, plan)
    before = topics(keyledger)

    again = apply(keyledger, plan)

    assert (again.status, again.out) == (0, "")
    assert "2 through" in again.err
    assert topics(keyledger) == before


def test_a_step_that_has_to_wait_is_told_with_its_moment(keyledger: Door, plan: Path) -> None:
    edited(plan, '"disable"', '"disable after 14d"')
    first = apply(keyledger, plan)

    again = apply(keyledger, plan)

    assert [line.split()[0] for line in first.out.splitlines()] == ["Warned", "Warned"]
    assert (again.status, again.out) == (0, "")
    assert re.search(
        r"billing-worker \(\w{8}\) waits: disable after 14d, so not before \d{4}-\d\d-\d\dT", again.err
    )
    assert states(keyledger) == {"billing-worker": "active", "ci-deployer": "active"}
    assert "it is to end for never-used-key" in " ".join(
        keyledger.well("key", "show", "ci-deployer").out.split()
    )


CHANGES = {
    "renamed": ("key", "set", "billing-worker", "--name", "billing-eu"),
    "owner set to ops": ("key", "set", "billing-worker", "--owner", "ops"),
    "disabled by ada@example.com": ("key", "disable", "billing-worker"),
    "revoked by ada@example.com": ("key", "revoke", "billing-worker", "--yes"),
    "rotated by ada@example.com": ("key", "rotate", "billing-worker", "--format", "secret"),
    "never-used-key is waived": (
        *("waive", "billing-worker", "never-used-key", "--reason", "x", "--owner", "ops"),
        *("--until", "3d"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_key_that_was_changed_since_is_left_alone_and_the_rest_goes_on(
    keyledger: Door, plan: Path, change: str
) -> None:
    keyledger.well(*CHANGES[change])

    answer = apply(keyledger, plan)

    (refusal,) = [line for line in answer.err.splitlines() if line.startswith("keyledger: ")]
    assert answer.status == 1
    assert "changed since the plan was made" in refusal
    assert change in refusal
    assert states(keyledger)["ci-deployer"] == "revoked"
    assert topics(keyledger)["remediation-stepped"] == 3


def test_a_key_that_was_used_since_is_left_alone(keyledger: Door, policy: Path) -> None:
    secret = keyledger.create("billing-worker")["secret"]
    path = planned(keyledger, "--policy", str(policy))
    edited(path, '"disable"', '"disable after 0s"')
    keyledger.well("check", "--service", "pay", "--caller", "web-1", stdin=secret)

    answer = apply(keyledger, path)

    assert answer.status == 1
    assert "presented by web-1 (pay)" in answer.err
    assert states(keyledger) == {"billing-worker": "active"}


def test_whoever_misses_a_key_that_the_plan_disabled_saves_it_from_its_revocation(
    keyledger: Door, policy: Path
) -> None:
    keyledger.create("billing-worker")
    secret = keyledger.create("nightly-export")["secret"]
    path = planned(keyledger, "--policy", str(policy))
    edited(path, '"revoke"', '"revoke after 1s"')
    apply(keyledger, path)
    keyledger("check", "--service", "export", "--caller", "cron", stdin=secret)
    sleep(1)

    answer = apply(keyledger, path)

    assert answer.status == 1
    assert states(keyledger)["nightly-export"] == "disabled"
    assert states(keyledger)["billing-worker"] == "revoked"


def test_a_key_that_was_taken_out_of_the_plan_lives_on(keyledger: Door, plan: Path) -> None:
    edited(plan, '"disable"', '"disable after 14d"')
    apply(keyledger, plan)
    text = plan.read_text()
    first, second = (match.start() for match in re.finditer(r"^\[\[key\]\]", text, re.MULTILINE))
    plan.write_text(text[:first] + text[second:].replace("after 14d", "after 0s"))

    answer = apply(keyledger, plan)

    assert answer.status == 0
    assert [line.split()[0] for line in answer.out.splitlines()] == ["Disabled", "Revoked"]
    assert states(keyledger) == {"billing-worker": "active", "ci-deployer": "revoked"}


def test_the_digest_of_the_file_that_was_applied_is_on_record(keyledger: Door, plan: Path) -> None:
    answer = apply(keyledger, plan, "--format", "json")

    document = answer.json
    events = [json.loads(line) for line in keyledger.well("events").out.splitlines()]
    steps = [event for event in events if event["topic"] == "remediation-stepped/1"]
    assert {step["plan_sha256"] for step in steps} == {document["plan_sha256"]}
    assert {step["plan_id"] for step in steps} == {document["plan"]}
    assert [key["taken_now"] for key in document["keys"]] == [list(AT_ONCE)] * 2
    assert {key["standing"] for key in document["keys"]} == {"through"}


def test_what_keyledger_cannot_do_is_told_with_the_command_to_type(keyledger: Door) -> None:
    folder = keyledger.folder / "keys"
    folder.mkdir()
    metadata = {
        "UserName": "kaleb",
        "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "Status": "Active",
        "CreateDate": "2020-01-01T00:00:00Z",
    }
    (folder / "kaleb.json").write_text(json.dumps({"AccessKeyMetadata": [metadata]}))
    keyledger.well("import", "iam-access-keys", str(folder))

    path = planned(keyledger)
    answer = apply(keyledger, path)

    assert answer.status == 0
    assert "aws iam create-access-key --user-name kaleb" in path.read_text()
    assert "cannot be done by keyledger; by hand:" in answer.err
    assert "minted by aws: aws iam create-access-key --user-name kaleb" in answer.err
    assert answer.err.count("minted by aws") == 1


def test_a_plan_of_another_organization_is_refused(keyledger: Door, plan: Path) -> None:
    edited(plan, 'organization = "acme"', 'organization = "emca"')

    answer = apply(keyledger, plan)

    assert (answer.status, answer.err.count("\n")) == (1, 1)
    assert "'emca'" in answer.err


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[[key]]\nname = 1\n", b"= ="])
def test_what_is_no_plan_is_told_in_a_line(keyledger: Door, content: bytes) -> None:
    path = keyledger.folder / "plan.toml"
    path.write_bytes(content)

    answer = apply(keyledger, path)

    assert (answer.status, answer.out, answer.err.count("\n")) == (1, "", 1)


def test_a_plan_that_is_not_there_is_told_in_a_line(keyledger: Door) -> None:
    answer = apply(keyledger, keyledger.folder / "nowhere.toml")

    assert (answer.status, answer.err.count("\n")) == (1, 1)
    assert "No such file" in answer.err


def test_without_a_yes_nothing_is_done_where_nobody_can_be_asked(keyledger: Door, plan: Path) -> None:
    answer = keyledger("remediate", "apply", str(plan))

    assert answer.status == 2
    assert "--yes" in answer.err
    assert states(keyledger) == {"billing-worker": "active", "ci-deployer": "active"}


def test_at_a_terminal_the_steps_are_shown_before_they_are_taken(keyledger: Door, plan: Path) -> None:
    screen = keyledger.terminal("remediate", "apply", str(plan), typed="y\n").out

    assert "Announce the end of 2 keys? [y/N]" in screen
    assert "nobody" in screen[: screen.index("[y/N]")]
    assert states(keyledger) == {"billing-worker": "revoked", "ci-deployer": "revoked"}


@pytest.fixture
def crowd(keyledger: Door, policy: Path) -> Path:
    """A plan for many keys, three steps each."""
    for number in range(CROWD):
        keyledger.create(f"worker-{number:02}")
    return planned(keyledger, "--policy", str(policy))


def assert_each_step_was_taken_once(keyledger: Door) -> None:
    events = [json.loads(line) for line in keyledger.well("events").out.splitlines()]
    steps = Counter(
        (event["key_id"], event["step"]) for event in events if event["topic"] == "remediation-stepped/1"
    )
    assert set(steps.values()) == {1}
    found = topics(keyledger)
    assert {kind: found[kind] for kind in ("key-warned", "key-disabled", "key-revoked")} == {
        "key-warned": CROWD,
        "key-disabled": CROWD,
        "key-revoked": CROWD,
    }
    assert found["remediation-stepped"] == 3 * CROWD
    assert set(states(keyledger).values()) == {"revoked"}


def test_a_plan_goes_on_where_it_was_killed_and_does_nothing_twice(keyledger: Door, crowd: Path) -> None:
    dice = Random(7)
    killed = 0
    for _ in range(5):
        process = keyledger.start("remediate", "apply", str(crowd), "--yes")
        assert process.stdout is not None
        process.stdout.readline()
        sleep(dice.uniform(0, 0.02))
        process.send_signal(SIGKILL)
        killed += process.wait() == -SIGKILL
        process.communicate()
    assert killed

    answer = apply(keyledger, crowd)

    assert answer.status == 0
    assert_each_step_was_taken_once(keyledger)


def test_several_who_apply_a_plan_at_once_do_it_once(keyledger: Door, crowd: Path) -> None:
    processes = [keyledger.start("remediate", "apply", str(crowd), "--yes") for _ in range(3)]

    ends = [(*process.communicate(), process.returncode) for process in processes]

    assert [status for _, _, status in ends] == [0, 0, 0], ends
    assert sum(out.count(b"\n") for out, _, _ in ends) == 3 * CROWD
    assert_each_step_was_taken_once(keyledger)
