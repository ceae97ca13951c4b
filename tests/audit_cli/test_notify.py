"""`keyledger audit --notify` against a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook as Receiver

from tests.audit_cli.hook import Hook, serving
from tests.audit_cli.test_webhook import SECRET
from tests.door import Answer, Door


@pytest.fixture
def hook() -> Iterator[Hook]:
    with serving(Hook()) as hook:
        yield hook


def notified(door: Door, hook: Hook, *options: str) -> Answer:
    door.environment |= {"KEYLEDGER_NOTIFY_URL": hook.url, "KEYLEDGER_NOTIFY_SECRET": SECRET}
    return door("audit", "--notify", "--fail-on", "none", *options)


def told(hook: Hook) -> list[list[str]]:
    """The keys that each message named as new."""
    return [[each["key_name"] for each in delivery.json["data"]["new"]] for delivery in hook.deliveries]


def test_only_what_is_new_since_the_last_recorded_run_is_told(keyledger: Door, hook: Hook) -> None:
    keyledger.create("tmp")
    notified(keyledger, hook, "--record")
    silent = notified(keyledger, hook, "--record")
    keyledger.create("foo")
    notified(keyledger, hook)
    notified(keyledger, hook, "--record")
    notified(keyledger, hook, "--record")

    assert told(hook) == [["tmp"], ["foo"], ["foo"]]
    assert "Nobody was notified: there is nothing new since run" in silent.err
    assert silent.status == 0
    assert len(keyledger.well("audit-history", "--format", "json").json["runs"]) == 4


def test_a_run_that_looked_for_something_else_makes_nothing_new(keyledger: Door, hook: Hook) -> None:
    keyledger.create("tmp")
    notified(keyledger, hook, "--record")
    keyledger.well("audit", "--rule", "aged-key", "--record")
    silent = notified(keyledger, hook, "--record")
    other = notified(keyledger, hook, "--max-age", "0s")

    assert told(hook) == [["tmp"], ["tmp"]]
    assert "there is nothing new since run" in silent.err
    assert [each["rule"] for each in hook.deliveries[1].json["data"]["new"]] == ["aged-key"]
    assert hook.deliveries[1].json["data"]["since"].endswith(", which went by another policy")
    assert other.status == 0


def test_the_message_is_signed_and_carries_no_secret(keyledger: Door, hook: Hook) -> None:
    key = keyledger.create("tmp")

    answer = notified(keyledger, hook)

    (delivery,) = hook.deliveries
    assert Receiver(SECRET).verify(delivery.body, delivery.headers)
    assert key["secret"].encode() not in delivery.body
    assert "Notified localhost of 1 new finding." in answer.err
    assert "very-secret-part" not in answer.out + answer.err


def test_a_failure_is_one_line_and_a_status_and_loses_neither_the_report_nor_the_news(
    keyledger: Door,
) -> None:
    keyledger.create("tmp")
    with serving(Hook(403)) as closed:
        plain = keyledger("audit", "--fail-on", "none", "--format", "json", "--as-of", "2030-01-01T00:00:00Z")
        asked = ("--record", "--format", "json", "--as-of", "2030-01-01T00:00:00Z")

        answer = notified(keyledger, closed, *asked)

    assert answer.status == 1
    assert answer.json["findings"] == plain.json["findings"] != []
    (line,) = [line for line in answer.err.splitlines() if line.startswith("keyledger: ")]
    assert "the report is whole, but nobody was notified: localhost answered with 403" in line
    assert "the run was not recorded, so that the next one tells of the same" in line
    assert "very-secret-part" not in answer.err
    # and when the server has come back
    with serving(Hook()) as hook:
        notified(keyledger, hook, "--record")
    assert told(hook) == [["tmp"]]


def test_findings_fail_an_audit_whose_message_was_taken(keyledger: Door, hook: Hook) -> None:
    keyledger.create("tmp")

    assert notified(keyledger, hook, "--fail-on", "info").status == 3


def test_address_and_secret_may_stand_in_files(keyledger: Door, hook: Hook, tmp_path: Path) -> None:
    keyledger.create("tmp")
    for name, text in (("url", hook.url), ("secret", SECRET)):
        (tmp_path / name).write_text(f"{text}\n")
        (tmp_path / name).chmod(0o600)
    Path("keyledger.toml").write_text('notify_url_file = "url"\nnotify_secret_file = "secret"\n')

    assert keyledger("audit", "--notify", "--fail-on", "none").status == 0
    assert Receiver(SECRET).verify(hook.deliveries[0].body, hook.deliveries[0].headers)
    (tmp_path / "url").chmod(0o644)
    refused = keyledger("audit", "--notify")
    assert (refused.status, refused.out, "is open to everybody; run `chmod 600" in refused.err) == (
        1,
        "",
        True,
    )


def test_a_file_that_systemd_hands_over_is_taken(keyledger: Door, hook: Hook, tmp_path: Path) -> None:
    # given the rights that an access list's mask shows
    (tmp_path / "url").write_text(hook.url)
    (tmp_path / "url").chmod(0o440)
    keyledger.environment["KEYLEDGER_NOTIFY_URL_FILE"] = str(tmp_path / "url")

    assert keyledger("audit", "--notify").status == 0


@pytest.mark.parametrize("content", [None, "", "x" * 5_000])
def test_a_file_that_holds_no_address_is_told_before_the_audit(
    keyledger: Door, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "url"
    if content is not None:
        file.write_text(content)
        file.chmod(0o600)
    keyledger.environment["KEYLEDGER_NOTIFY_URL_FILE"] = str(file)

    answer = keyledger("audit", "--notify")

    assert (answer.status, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert str(file) in answer.err


def test_without_an_address_nobody_can_be_notified(keyledger: Door) -> None:
    answer = keyledger("audit", "--notify")

    assert (answer.status, answer.out) == (1, "")
    assert "KEYLEDGER_NOTIFY_URL" in answer.err
