from random import Random

import pytest
import typer

from audit_cli import failures
from ledger.errors import InvalidInput, LedgerCorrupt
from ledger.secret import new_secret


def ending(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(typer.Exit) as left, failures.reported():
        raise error
    return left.value.exit_code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InvalidInput("no such\nthing"), 1, "keyledger: no such thing\n"),
        (InvalidInput("no \x1b[2Jkey\u202e"), 1, "keyledger: no \\x1b[2Jkey\\u202e\n"),
        (LedgerCorrupt("torn"), 4, "keyledger: torn\n"),
        (FileNotFoundError(2, "No such file", "x.json"), 1, "keyledger: x.json: No such file\n"),
        (KeyboardInterrupt(), 130, "keyledger: interrupted\n"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
    ],
)
def test_what_goes_wrong_becomes_a_line_and_a_status(
    error: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(error, capsys) == (status, line)


def test_what_nobody_foresaw_is_named_without_its_content(capsys: pytest.CaptureFixture[str]) -> None:
    status, line = ending(ZeroDivisionError("the secret"), capsys)

    assert status == 1
    assert line.startswith("keyledger: an unexpected ZeroDivisionError")
    assert "secret" not in line
    assert line.count("\n") == 1


def test_a_traceback_is_shown_to_those_who_ask(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYLEDGER_DEBUG", "1")

    _, lines = ending(ZeroDivisionError(), capsys)

    assert lines.startswith("Traceback")


def test_a_usage_error_stays_one() -> None:
    with pytest.raises(typer.BadParameter), failures.reported():
        raise typer.BadParameter("no")


def test_only_what_has_the_shape_of_a_secret_is_held_for_one() -> None:
    assert failures.holds_secret(["kl_" + "A" * 43 + "_" + "b" * 6])
    assert failures.holds_secret(["--name=kl_" + "A" * 43 + "_" + "b" * 6])
    assert not failures.holds_secret(["key", "show", "a-key-with-quite-a-long-name-" + "x" * 60])


def test_a_secret_in_what_is_told_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    secret = new_secret("kl", Random(3).randbytes).reveal()

    failures.tell(f"{secret!r} is not a member of 'acme'")

    told = capsys.readouterr().err
    assert secret not in told
    assert "is not a member" in told
