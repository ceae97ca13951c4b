"""What a new user gets wrong: one line that says what happened and what to do, never a traceback."""

import os
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from tests.door import EXECUTABLE, Answer, Door

# Root may write whatever the rights say, unless it is told to go without that privilege.
WITHOUT_PRIVILEGE = ("setpriv", "--bounding-set=-dac_override") if os.getuid() == 0 else ()
USE = '{"key": "ci", "service": "deploy", "occurred_at": "2024-05-31T12:00:00Z", "id": "%d"}\n'


def complaint(answer: Answer, status: int = 1) -> str:
    """The one line of an answer that could not be given."""
    assert answer.status == status, answer
    lines = answer.err.splitlines()
    assert len(lines) == 1, answer
    assert lines[0].startswith("keyledger: ")
    return lines[0]


@pytest.mark.sqlite_only(reason="a file that is missing")
def test_without_a_ledger_the_way_to_make_one_is_told(empty: Door) -> None:
    line = complaint(empty("key", "list"))

    assert "there is no ledger at" in line
    assert "keyledger init ORG" in line


@pytest.mark.sqlite_only(reason="a path")
def test_a_path_in_a_folder_that_does_not_exist_is_told(empty: Door) -> None:
    line = complaint(empty("--ledger", "nowhere/ledger.db", "init", "acme"))

    assert "the folder nowhere does not exist" in line


@pytest.mark.sqlite_only(reason="a path")
def test_a_folder_is_no_ledger(empty: Door) -> None:
    assert "is a folder" in complaint(empty("key", "list", "--ledger", str(empty.folder)))


@pytest.mark.sqlite_only(reason="a file")
def test_a_text_file_is_no_ledger(empty: Door) -> None:
    Path(empty.address).write_text("to do: buy milk\n" * 100)

    assert "not a keyledger ledger" in complaint(empty("key", "list"))


@pytest.mark.sqlite_only(reason="a file's bytes")
def test_another_programs_database_is_no_ledger_and_stays_as_it_is(empty: Door) -> None:
    with sqlite3.connect(empty.address) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()
    before = Path(empty.address).read_bytes()

    assert "not a keyledger ledger" in complaint(empty("key", "list"))
    assert "holds the tables of something else" in complaint(empty("init", "acme"))
    assert Path(empty.address).read_bytes() == before


def test_a_database_of_another_kind_is_told(empty: Door) -> None:
    assert "not supported" in complaint(empty("key", "list", "--ledger", "oracle://db/x"))


@pytest.mark.sqlite_only(reason="a file that must not be made")
def test_init_with_a_bad_name_leaves_no_ledger_behind(empty: Door) -> None:
    for wrong in (["a b"], ["acme", "--admin", "a b"], ["acme", "--prefix", "K_"]):
        complaint(empty("init", *wrong))

    assert not Path(empty.address).exists()


@pytest.mark.sqlite_only(reason="a file that is none")
def test_init_at_a_link_that_leads_to_itself_is_refused(empty: Door, tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)

    assert "the file cannot be opened; check the path" in complaint(
        empty("init", "acme", "--ledger", str(loop))
    )


def test_a_second_organization_of_one_name_is_refused(keyledger: Door) -> None:
    assert "already" in complaint(keyledger("init", "acme"))


def test_where_the_ledger_holds_several_organizations_one_must_be_named(keyledger: Door) -> None:
    keyledger.well("init", "globex")

    assert "--org" in complaint(keyledger("key", "list"))
    keyledger.well("key", "list", "--org", "globex")
    assert "'initech'" in complaint(keyledger("--org", "initech", "key", "list"))


def test_an_unknown_key_is_told(keyledger: Door) -> None:
    assert "no key is called 'nope'" in complaint(keyledger("key", "show", "nope"))


def test_a_name_of_several_keys_is_ambiguous(keyledger: Door) -> None:
    ids = [keyledger.create("ci")["id"] for _ in range(2)]

    line = complaint(keyledger("key", "show", "ci"))

    assert "means several keys" in line
    assert all(key_id in line for key_id in ids)


def test_a_member_reads_and_an_admin_manages(keyledger: Door) -> None:
    keyledger.create("ci")
    keyledger.well("member", "add", "bob@example.com", "--role", "member")
    asbob = ("--as", "bob@example.com")

    for command, doing in (
        (("key", "create", "other"), "create keys"),
        (("key", "rotate", "ci"), "rotate keys"),
        (("key", "disable", "ci"), "disable keys"),
        (("key", "revoke", "ci", "--yes"), "revoke keys"),
        (("member", "add", "eve@example.com", "--role", "admin"), "add members"),
        (("member", "remove", "ada@example.com", "--yes"), "remove members"),
        (("use", "append", "-"), "record uses"),
    ):
        line = complaint(keyledger(*command, *asbob))

        assert "bob@example.com has the role member and may only read" in line
        assert line.endswith(doing)
    keyledger.well("key", "list", *asbob)


def test_somebody_who_is_no_member_is_told(keyledger: Door) -> None:
    line = complaint(keyledger("key", "create", "ci", "--as", "eve@example.com"))

    assert "'eve@example.com' is not a member" in line


def test_a_system_user_who_is_no_member_is_told_to_say_who_it_is(empty: Door) -> None:
    empty.found()
    empty.well("member", "add", "bob@example.com", "--role", "admin", "--login", "bob")
    empty.well("member", "remove", "ada@example.com", "--yes", "--as", "bob@example.com")

    line = complaint(empty("key", "create", "ci"))

    assert "--as EMAIL" in line


@pytest.mark.sqlite_only(reason="the rights of a file; those of a role are in test_postgresql_roles")
def test_a_read_only_ledger_can_be_read_and_says_why_it_cannot_be_written(keyledger: Door) -> None:
    keyledger.create("ci")
    folder = Path(keyledger.address).parent
    for file in folder.glob("ledger.db*"):
        file.chmod(0o444)
    folder.chmod(0o555)
    keyledger.folder.chmod(0o555)
    try:
        listed = keyledger.process("key", "list", through=WITHOUT_PRIVILEGE)
        refused = keyledger.process("key", "create", "other", through=WITHOUT_PRIVILEGE)
        report = keyledger.process("audit", "-o", "report.md", through=WITHOUT_PRIVILEGE)
    finally:
        folder.chmod(0o755)
        keyledger.folder.chmod(0o755)

    assert listed.status == 0
    assert "ci" in listed.out
    assert "may not be written" in complaint(refused)
    assert "report.md may not be written" in complaint(report)


@pytest.mark.parametrize(
    "option", ["--unused-for=-5d", "--max-age=5 days", "--as-of=tomorrow", "--fail-on=bad", "--format=bad"]
)
def test_a_wrong_option_is_wrong_usage(keyledger: Door, option: str) -> None:
    answer = keyledger("audit", option)

    assert answer.status == 2
    assert f"Invalid value for '{option.partition('=')[0]}': '" in answer.err


@pytest.mark.parametrize(
    ("command", "complaint_of_it"),
    [
        (("key", "list", "--state=bad"), "'--state': 'bad' is not one of 'active', "),
        (("show-event", "x"), "'POSITION': 'x' is not a position; give a number from 1"),
        (("show-event", "9" * 40), "is not a position"),
        (("demo", "--keys=x"), "'--keys': it is not a whole number"),
        (("demo", "--keys=0"), "'--keys': it must be greater than or equal to 1"),
    ],
)
def test_a_wrong_value_is_told_in_our_own_words(
    keyledger: Door, command: tuple[str, ...], complaint_of_it: str
) -> None:
    answer = keyledger(*command)

    assert answer.status == 2
    assert complaint_of_it in answer.err
    assert "Value error" not in answer.err


def test_an_expiry_in_the_past_is_refused(keyledger: Door) -> None:
    line = complaint(keyledger("key", "create", "ci", "--expires-at", "2020-01-01"))

    assert "2020-01-01T00:00:00Z is not in the future" in line


def test_two_expiries_are_wrong_usage(keyledger: Door) -> None:
    answer = keyledger("key", "create", "ci", "--expires-in", "9d", "--expires-at", "2099-01-01")

    assert answer.status == 2


def test_setting_nothing_and_setting_both_are_wrong_usage(keyledger: Door) -> None:
    keyledger.create("ci")

    assert keyledger("key", "set", "ci").status == 2
    assert keyledger("key", "set", "ci", "--owner", "x", "--no-owner").status == 2


def test_a_line_that_is_refused_is_told_and_the_others_are_kept(keyledger: Door) -> None:
    keyledger.create("ci")
    lines = [USE % 1, "garbage\n", "\n", '{"key": "ci"}\n', (USE % 2).replace("ci", "nope"), USE % 1]
    lines += [(USE % 3).replace("2024", "2124"), USE % 4]

    answer = keyledger("use", "append", "--format", "json", stdin="".join(lines))

    assert answer.status == 1
    assert answer.json["schema"] == "keyledger.intake/1"
    counts = {name: answer.json[name] for name in ("read", "stored", "duplicates", "refused")}
    assert counts == {"read": 7, "stored": 2, "duplicates": 1, "refused": 4}
    assert [line.partition(":")[0] for line in answer.err.splitlines()] == [
        "line 2",
        "line 4",
        "line 5",
        "line 7",
    ]
    assert "in the future" in answer.err


def test_a_file_that_cannot_be_read_is_told(keyledger: Door) -> None:
    for command in (("use", "append"), ("import", "cloudtrail"), ("import", "iam-credential-report")):
        assert "nowhere" in complaint(keyledger(*command, "nowhere"))
    assert "Is a directory" in complaint(keyledger("use", "append", "."))


def test_a_report_that_cannot_be_written_is_told_before_the_work(keyledger: Door) -> None:
    assert "is a folder" in complaint(keyledger("audit", "-o", "."))
    assert "does not exist" in complaint(keyledger("audit", "-o", "nowhere/report.md"))


def test_a_secret_on_the_command_line_is_refused_and_not_repeated(keyledger: Door) -> None:
    secret = keyledger.create("ci")["secret"]

    for arguments in (("key", "show", secret), ("check", f"--service={secret}")):
        answer = keyledger.process(*arguments)

        assert "standard input" in complaint(answer, 2)
        assert secret not in answer.err + answer.out


def test_revoking_without_a_terminal_needs_a_yes(keyledger: Door) -> None:
    created = keyledger.create("ci")

    line = complaint(keyledger("key", "revoke", "ci"), 2)

    assert "--yes" in line
    assert keyledger("check", stdin=created["secret"]).status == 0


def test_no_key_is_revoked_where_one_is_unknown_or_revoked_already(keyledger: Door) -> None:
    created = keyledger.create("ci")
    keyledger.create("old")
    keyledger.well("key", "revoke", "old", "--yes")

    complaint(keyledger("key", "revoke", "ci", "nope", "--yes"))
    complaint(keyledger("key", "revoke", "ci", "old", "--yes"))

    assert keyledger("check", stdin=created["secret"]).status == 0


def test_a_dry_run_shows_whom_it_would_hurt_and_revokes_nothing(keyledger: Door) -> None:
    created = keyledger.create("ci", "--owner", "platform")

    answer = keyledger.well("key", "revoke", "ci", "--dry-run")

    assert "platform" in answer.out
    assert keyledger("check", stdin=created["secret"]).status == 0


def test_an_empty_standard_input_is_no_secret(keyledger: Door) -> None:
    assert keyledger("check", stdin="").status == 2
    assert keyledger("check", stdin="kl_nonsense").out == "not valid: unknown\n"


def test_a_reader_that_goes_away_ends_a_command_quietly(keyledger: Door) -> None:
    for number in range(30):
        keyledger.create(f"key-{number}")
    for arguments in ("key list", "key list --format json", "--help", "rules"):
        command = f"{EXECUTABLE} {arguments} | head -1; exit ${{PIPESTATUS[0]}}"

        ended = subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | keyledger.environment,
        )

        assert ended.stderr == ""
        assert ended.returncode in {0, 141}
        assert ended.stdout.count("\n") == 1


def test_a_full_disk_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [EXECUTABLE, "rules"], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )

    assert ended.returncode == 1
    assert ended.stderr == "keyledger: reading or writing failed: No space left on device\n"


def test_an_interrupted_import_keeps_what_it_stored_and_can_be_resumed(keyledger: Door) -> None:
    keyledger.create("ci")
    total = 60_000
    file = keyledger.folder / "uses.ndjson"
    file.write_text("".join(USE % number for number in range(total)))
    # Coverage keeps a lock that an interrupt can make it wait for in vain, so it stays out of this process.
    measured = {name for name in os.environ if name.startswith("COVERAGE_")}
    environment = {name: value for name, value in os.environ.items() if name not in measured}
    with subprocess.Popen(
        [EXECUTABLE, "use", "append", file],
        env=environment | keyledger.environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while keyledger.well("projections", "status", "--format", "json").json["ledger_position"] < 5_000:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    stored = keyledger.well("projections", "status", "--format", "json").json["ledger_position"] - 3
    again = keyledger.well("use", "append", str(file), "--format", "json").json

    assert process.returncode == 130
    assert err.startswith("keyledger: interrupted; the ")
    assert len(err.splitlines()) == 1
    assert 0 < stored < total
    assert stored % 1000 == 0
    assert (again["duplicates"], again["stored"]) == (stored, total - stored)


def test_a_secret_that_could_not_be_written_is_told_with_its_key(keyledger: Door) -> None:
    answer = keyledger.process("key", "create", "ci", through=("sh", "-c", '"$@" > /dev/full', "sh"))

    line = complaint(answer)
    assert "the secret of ci could not be written (No space left on device) and is lost" in line
    (lost,) = re.findall("`keyledger key revoke ([0-9a-f]{8})`", line)
    keyledger.well("key", "revoke", lost, "--yes")


def test_a_successors_secret_that_could_not_be_written_leaves_the_old_key_its_time(keyledger: Door) -> None:
    secret = keyledger.create("ci")["secret"]

    answer = keyledger.process("key", "rotate", "ci", through=("sh", "-c", '"$@" > /dev/full', "sh"))

    (said,) = re.findall("`keyledger (key rotate [0-9a-f]{8} --overlap 0s)`", complaint(answer))
    another = keyledger.well(*said.split(), "--format", "secret").out
    for works in (secret, another):
        keyledger.well("check", stdin=works)


def test_a_secret_that_was_shown_is_not_called_lost(keyledger: Door) -> None:
    answer = keyledger.process("key", "create", "ci", through=("sh", "-c", '"$@" 2> /dev/full', "sh"))

    assert answer.status == 0
    keyledger.well("check", stdin=answer.out.rpartition("Secret        ")[2])


@pytest.mark.parametrize(
    "make", [("key", "create", "next"), ("key", "rotate", "ci")], ids=["create", "rotate"]
)
def test_no_key_is_made_where_its_secret_could_not_be_shown(keyledger: Door, make: tuple[str, ...]) -> None:
    keyledger.create("ci")
    before = keyledger.well("events").out

    answer = keyledger.process(*make, through=("sh", "-c", '"$@" >&-', "sh"))

    assert "standard output is closed" in complaint(answer)
    assert keyledger.well("events").out == before


def test_who_is_let_in_has_an_address(keyledger: Door) -> None:
    for wrong in ("bob", "@example.com", "bob@"):
        answer = keyledger("member", "add", wrong, "--role", "member")
        assert f"{wrong!r} is no e-mail address" in complaint(answer)
        assert "is no e-mail address" in complaint(keyledger("init", "globex", "--admin", wrong))


@pytest.mark.sqlite_only(reason="a file")
def test_a_link_that_leads_nowhere_yet_names_the_new_ledger(empty: Door) -> None:
    Path(empty.address).symlink_to(empty.folder / "elsewhere.db")

    empty.well("init", "acme")

    assert (empty.folder / "elsewhere.db").stat().st_mode & 0o777 == 0o600
    empty.well("key", "list")


@pytest.mark.sqlite_only(reason="a file")
def test_a_new_ledger_is_for_nobody_else(empty: Door) -> None:
    empty.process("init", "acme", through=("sh", "-c", 'umask 022; "$@"', "sh"))

    assert Path(empty.address).stat().st_mode & 0o777 == 0o600


@pytest.mark.sqlite_only(reason="a file's bytes")
@pytest.mark.parametrize("asked", [("events",), ("projections", "rebuild"), ("key", "list")], ids=" ".join)
def test_a_file_that_is_damaged_fails_an_integrity_check(keyledger: Door, asked: tuple[str, ...]) -> None:
    keyledger.create("ci")
    keyledger.well("use", "append", "-", stdin="".join(USE % n for n in range(500)))
    with sqlite3.connect(keyledger.address) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with Path(keyledger.address).open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)

    assert "the file is damaged; restore it from a backup" in complaint(keyledger(*asked), 4)


def test_the_demonstration_is_of_no_other_ledger(keyledger: Door) -> None:
    answer = keyledger("demo", "--ledger", keyledger.address)

    assert (answer.status, "a ledger, an organization and an admin of its own" in answer.err) == (2, True)
