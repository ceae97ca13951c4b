"""`keyledger scan` as a person meets it."""

import json
import shutil
import subprocess
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as SarifLog

from ledger.secret import new_secret
from tests.door import EXECUTABLE, Door
from tests.ledger.scanning.test_history import Repository

NOBODYS = new_secret("kl", Random(1).randbytes).reveal()


def put(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")
    return file


def leaks(door: Door) -> list[dict[str, Any]]:
    report = door("audit", "--rule", "leaked-key", "--format", "json").json
    found: list[dict[str, Any]] = report["findings"]
    return found


def test_a_leaked_key_is_told_recorded_and_found_by_the_audit(keyledger: Door, tmp_path: Path) -> None:
    key = keyledger.create("billing-worker", "--owner", "payments-team")
    file = put(tmp_path / "src", "values.yaml", f"# ours\ntoken: {key['secret']}")

    answer = keyledger("scan", str(tmp_path / "src"))

    assert answer.status == 3
    assert answer.out == (
        f"billing-worker  {key['id'][:8]}  ACTIVE  payments-team  never used\n    {file}:2\n"
    )
    assert "Recorded 1 leak." in answer.err
    assert f"keyledger key revoke {key['id'][:8]}" in answer.err
    (finding,) = leaks(keyledger)
    assert (finding["severity"], finding["key_id"]) == ("critical", key["id"])
    assert f"{file}:2" in str(finding["message"])
    assert f"{file}:2" in keyledger.well("show-event", str(finding["evidence"][0])).out
    assert "its secret was found in" in " ".join(keyledger.well("key", "history", key["id"]).out.split())


@pytest.mark.parametrize("form", ["table", "json", "sarif"])
def test_no_format_shows_a_secret(keyledger: Door, tmp_path: Path, form: str) -> None:
    key = keyledger.create("billing-worker")
    put(tmp_path, "src/a", f"{key['secret']} {NOBODYS}")

    answer = keyledger("scan", str(tmp_path / "src"), "--format", form)

    for secret in (key["secret"], NOBODYS):
        assert secret[3:46] not in answer.out + answer.err
        assert secret[3:46] not in keyledger.well("events").out
    assert NOBODYS[-4:] in answer.out


def test_the_whole_of_it_can_be_had_as_json(keyledger: Door, tmp_path: Path) -> None:
    live, ended = keyledger.create("live"), keyledger.create("ended")
    keyledger.well("key", "revoke", "ended", "--yes")
    repository = Repository(tmp_path / "src")
    commit = repository.commit("a", live["secret"])
    repository.commit("a", "gone")
    put(tmp_path / "src", "b", ended["secret"])
    put(tmp_path / "src", "c", NOBODYS)
    put(tmp_path / "src", "lookalike", live["secret"][:-6] + "000000")

    report = keyledger("scan", str(tmp_path / "src"), "--format", "json").json

    assert (report["schema"], report["organization"]) == ("keyledger.scan/1", "acme")
    assert [(key["name"], key["state"], key["live"]) for key in report["keys"]] == [
        ("live", "active", True),
        ("ended", "revoked", False),
    ]
    assert report["keys"][0]["places"] == [
        {
            "place": f"{tmp_path}/src@{commit[:12]}:a:1",
            "path": "a",
            "line": 1,
            "repository": f"{tmp_path}/src",
            "commit": commit,
        }
    ]
    (unknown,) = report["unknown"]
    assert [each["place"] for each in unknown["places"]] == [f"{tmp_path}/src/c:1"]
    assert (report["found"], report["recorded"]) == (3, 2)


def test_a_second_scan_records_nothing_anew(keyledger: Door, tmp_path: Path) -> None:
    file = put(tmp_path, "a", keyledger.create("billing-worker")["secret"])
    keyledger("scan", str(file))
    before = keyledger.well("events").out

    answer = keyledger("scan", str(file))

    assert (answer.status, "Recorded 0 leaks, 1 known already." in answer.err) == (3, True)
    assert keyledger.well("events").out == before


def test_a_dry_run_records_nothing_and_needs_no_admin(keyledger: Door, tmp_path: Path) -> None:
    file = put(tmp_path, "a", keyledger.create("billing-worker")["secret"])
    keyledger.well("member", "add", "bob@example.com", "--role", "member")

    refused = keyledger("scan", str(file), "--as", "bob@example.com")
    answer = keyledger("scan", str(file), "--as", "bob@example.com", "--dry-run")

    assert (refused.status, "or scan with --dry-run" in refused.err) == (1, True)
    assert answer.status == 3
    assert "Recorded" not in answer.err
    assert leaks(keyledger) == []


def test_what_was_found_can_be_ended_at_once(keyledger: Door, tmp_path: Path) -> None:
    keys = [keyledger.create(name) for name in ("one", "two", "three")]
    keyledger.well("key", "revoke", "three", "--yes")
    put(tmp_path, "src/a", " ".join(key["secret"] for key in keys))
    command = ("scan", str(tmp_path / "src"), "--revoke")

    asked = keyledger(*command)
    dry = keyledger(*command, "--dry-run")
    done = keyledger(*command, "--yes")

    assert (asked.status, "nobody can be asked here; nothing was scanned" in asked.err) == (2, True)
    assert (dry.status, "without --dry-run these 2 keys would be" in dry.err) == (3, True)
    assert (done.status, done.err.count("Revoked "), "Revoked" in done.out) == (3, 2, False)
    story = " ".join(keyledger.well("key", "history", keys[0]["id"]).out.split())
    assert "revoked by ada@example.com: its secret was found by keyledger scan" in story
    assert leaks(keyledger) == []


def test_on_a_terminal_it_asks_before_it_ends_a_key(keyledger: Door, tmp_path: Path) -> None:
    key = keyledger.create("billing-worker")
    file = put(tmp_path, "a", key["secret"])

    answer = keyledger.terminal("scan", str(file), "--revoke", typed="y\n")

    assert answer.status == 3
    assert "Revoke this key for good? [y/N]: y" in answer.out
    assert "Revoked billing-worker" in answer.out


@pytest.mark.parametrize(
    ("fail_on", "text", "status"),
    [
        ("any", "ended", 3),
        ("live", "ended", 0),
        ("live", "disabled", 3),
        ("live", "nobodys", 3),
        ("none", "disabled", 0),
        ("any", "nothing", 0),
    ],
)
def test_the_status_says_whether_something_was_found(
    keyledger: Door, tmp_path: Path, fail_on: str, text: str, status: int
) -> None:
    texts = {"nobodys": NOBODYS, "nothing": "kl_nothing"}
    texts |= {name: keyledger.create(name)["secret"] for name in ("ended", "disabled")}
    keyledger.well("key", "revoke", "ended", "--yes")
    keyledger.well("key", "disable", "disabled")

    assert keyledger("scan", str(put(tmp_path, "a", texts[text])), "--fail-on", fail_on).status == status


def test_standard_input_is_scanned(keyledger: Door) -> None:
    key = keyledger.create("billing-worker")

    answer = keyledger("scan", "-", "--label", "kubernetes", stdin=f"a\n{key['secret']}\n")

    assert (answer.status, "    kubernetes:2\n" in answer.out) == (3, True)


def test_retired_peppers_are_tried_too(keyledger: Door, tmp_path: Path) -> None:
    peppers = put(tmp_path, "peppers.toml", f'current = "a"\n[keys]\na = "{"01" * 32}"')
    peppers.chmod(0o600)
    keyledger.environment["KEYLEDGER_PEPPER_FILE"] = str(peppers)
    key = keyledger.create("billing-worker")
    peppers.write_text(f'current = "b"\n[keys]\na = "{"01" * 32}"\nb = "{"02" * 32}"\n')

    assert "billing-worker" in keyledger("scan", "-", stdin=key["secret"]).out


def test_without_its_pepper_no_key_is_called_nobodys(keyledger: Door, tmp_path: Path) -> None:
    peppers = put(tmp_path, "peppers.toml", f'current = "a"\n[keys]\na = "{"01" * 32}"')
    peppers.chmod(0o600)
    keyledger.environment["KEYLEDGER_PEPPER_FILE"] = str(peppers)
    secret = keyledger.create("billing-worker")["secret"]
    del keyledger.environment["KEYLEDGER_PEPPER_FILE"]

    plain = keyledger.create("plain")["secret"]

    checked = keyledger("check", stdin=secret)
    scanned = keyledger("scan", "-", stdin=f"{secret}\n{plain}\n")
    unsure = keyledger("scan", "-", "--fail-on", "none", "--format", "json", stdin=secret)
    logged = keyledger("scan", "-", "--format", "sarif", stdin=secret)

    assert (checked.status, checked.out) == (1, "")
    # What was found is told all the same.
    assert (scanned.status, "plain" in scanned.out) == (3, True)
    # Nor does anything pass that may be wrong.
    assert (unsure.status, "not at hand" in json.loads(unsure.out)["doubt"]) == (1, True)
    (invocation,) = json.loads(logged.out)["runs"][0]["invocations"]
    assert not invocation["executionSuccessful"]
    assert "not at hand" in invocation["toolExecutionNotifications"][0]["message"]["text"]
    for answer in (checked, scanned):
        assert "hashed under the pepper 'a', which is not at hand" in answer.err


@pytest.mark.parametrize(
    "end",
    [("key", "revoke", "billing-worker", "--yes"), ("key", "rotate", "billing-worker", "--overlap", "0s")],
    ids=["revoked", "rotated"],
)
def test_the_pepper_of_a_key_that_has_ended_is_missed_by_nobody(
    keyledger: Door, tmp_path: Path, end: tuple[str, ...]
) -> None:
    peppers = put(tmp_path, "peppers.toml", f'current = "a"\n[keys]\na = "{"01" * 32}"')
    peppers.chmod(0o600)
    keyledger.environment["KEYLEDGER_PEPPER_FILE"] = str(peppers)
    secret = keyledger.create("billing-worker")["secret"]
    peppers.write_text(f'current = "b"\n[keys]\na = "{"01" * 32}"\nb = "{"02" * 32}"\n')
    keyledger.well(*end)
    peppers.write_text(f'current = "b"\n[keys]\nb = "{"02" * 32}"\n')

    assert keyledger("check", stdin=secret).out == "not valid: unknown\n"


def test_the_pepper_of_an_expired_key_is_missed_as_it_may_be_given_another_end(
    keyledger: Door, tmp_path: Path
) -> None:
    peppers = put(tmp_path, "peppers.toml", f'current = "a"\n[keys]\na = "{"01" * 32}"')
    peppers.chmod(0o600)
    keyledger.environment["KEYLEDGER_PEPPER_FILE"] = str(peppers)
    secret = keyledger.create("billing-worker", "--expires-in", "1s")["secret"]
    sleep(1.1)
    assert "is expired" in keyledger("check", stdin=secret).out
    peppers.write_text(f'current = "b"\n[keys]\nb = "{"02" * 32}"\n')

    answer = keyledger("check", stdin=secret)

    assert (answer.status, "the pepper 'a', which is not at hand" in answer.err) == (1, True)


def test_an_organizations_own_prefix_is_looked_for(keyledger: Door, tmp_path: Path) -> None:
    acme = new_secret("acme", Random(2).randbytes).reveal()
    file = put(tmp_path, "a", acme)

    assert keyledger("scan", str(file)).status == 0
    assert keyledger("scan", str(file), "--prefix", "acme").status == 3
    assert keyledger("scan", str(file), "--prefix", "Not One").status == 1


def test_a_key_of_another_organization_of_the_ledger_is_nobodys(keyledger: Door, tmp_path: Path) -> None:
    file = put(tmp_path, "a", keyledger.create("billing-worker")["secret"])
    keyledger.well("init", "other", "--admin", "ada@example.com")

    report = keyledger("scan", str(file), "--org", "other", "--format", "json").json

    assert (report["keys"], len(report["unknown"])) == ([], 1)


def test_offline_a_scan_needs_no_ledger(empty: Door, tmp_path: Path) -> None:
    file = put(tmp_path, "a", NOBODYS)

    answer = empty("scan", "--offline", str(file))
    clean = empty("scan", "--offline", str(put(tmp_path, "b", "nothing")))
    online = empty("scan", str(file))

    assert (answer.status, clean.status, online.status) == (3, 0, 1)
    assert f"    {file}:1\n" in answer.out
    assert clean.out == "No secret was found.\n"


@pytest.mark.parametrize(
    "arguments", [(), ("--offline", "--revoke", "a"), ("--rules", "grep"), ("--fail-on", "x", "a")]
)
def test_what_makes_no_sense_is_wrong_usage(keyledger: Door, arguments: tuple[str, ...]) -> None:
    assert keyledger("scan", *arguments).status == 2


def test_a_path_where_nothing_is_is_told_in_one_line(keyledger: Door) -> None:
    answer = keyledger("scan", "nowhere")

    assert (answer.status, answer.err) == (1, "keyledger: nowhere does not exist; check the path\n")


def test_what_could_not_be_read_fails_a_scan_that_found_nothing(keyledger: Door, tmp_path: Path) -> None:
    broken = Repository(tmp_path / "src")
    (broken.folder / ".git" / "HEAD").write_text("garbage\n")

    answer = keyledger("scan", str(broken.folder))

    assert answer.status == 1
    assert f"{broken.folder}: git count-objects could not: " in answer.err
    assert keyledger("scan", str(broken.folder), "--no-history").status == 0


def test_without_git_the_history_is_told_as_unread(
    keyledger: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(tmp_path / "src")
    monkeypatch.setenv("PATH", str(tmp_path))

    answer = keyledger("scan", str(repository.folder))

    assert (answer.status, "git is not installed, and its history was not read" in answer.err) == (1, True)


def test_archives_and_links_are_told(keyledger: Door, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    shutil.make_archive(str(tmp_path / "src" / "a"), "zip", tmp_path / "src")
    (tmp_path / "src" / "l").symlink_to("/")

    answer = keyledger("scan", str(tmp_path / "src"))

    assert answer.status == 0
    assert "1 archive not opened. 1 link not followed." in answer.err


def test_of_many_places_the_first_are_shown_and_json_has_them_all(keyledger: Door, tmp_path: Path) -> None:
    file = put(tmp_path, "a", "\n".join([NOBODYS] * 30))

    shown = keyledger("scan", str(file)).out
    report = keyledger("scan", str(file), "--format", "json").json

    assert (shown.count(f"{file}:"), "    ... and 10 more\n" in shown) == (20, True)
    assert len(report["unknown"][0]["places"]) == 30


@pytest.mark.parametrize("label", [(), ("--label", "acme/payments")], ids=["unlabelled", "labelled"])
def test_code_scanning_is_told_the_lines(keyledger: Door, tmp_path: Path, label: tuple[str, ...]) -> None:
    key = keyledger.create("billing-worker")
    put(tmp_path, "src/a b.env", f"x\n{key['secret']}")
    put(tmp_path, "src/c", NOBODYS)

    text = keyledger("scan", "src", "--format", "sarif", *label).out

    SarifLog.model_validate_json(text)
    (run,) = json.loads(text)["runs"]
    where = [each["locations"][0]["physicalLocation"] for each in run["results"]]
    assert [each["ruleId"] for each in run["results"]] == ["leaked-key", "unknown-secret"]
    assert [each["artifactLocation"]["uri"] for each in where] == ["src/a%20b.env", "src/c"]
    assert [each["region"]["startLine"] for each in where] == [2, 1]


def test_a_name_with_a_new_line_stays_on_its_own(keyledger: Door, tmp_path: Path) -> None:
    put(tmp_path, "src/a\nb\x1b[2J", NOBODYS)

    assert "src/a\\nb\\x1b[2J:1\n" in keyledger("scan", str(tmp_path / "src")).out


def test_a_pipe_that_the_shell_makes_is_read() -> None:
    script = f'"$0" scan --offline <(echo {NOBODYS})'

    answer = subprocess.run(
        ["bash", "-c", script, EXECUTABLE],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (answer.returncode, "/dev/fd/" in answer.stdout) == (3, True)
