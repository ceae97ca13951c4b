from pathlib import Path

import pytest

from audit_cli import console
from ledger.errors import InvalidInput


def test_a_table_that_fits_is_left_as_it_is() -> None:
    text = console.table(("Key", "Uses"), [("ci", 3), ("billing", 12_000)], flexible=(0,))

    assert text.splitlines() == [
        "Key        Uses",
        "-------  ------",
        "ci            3",
        "billing   12000",
    ]


def test_of_a_wide_table_the_flexible_columns_are_wrapped_and_nothing_is_lost() -> None:
    name, owner, other = "n" * 60, "o" * 60, "x" * 20

    text = console.table(("Key", "Other", "Owner"), [(name, other, owner)], flexible=(0, 2))

    assert max(map(len, text.splitlines())) <= 80
    assert (text.count("n"), text.count("o"), text.count("x")) == (60 + 1, 60, 20)


def test_a_table_too_wide_for_any_terminal_is_still_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")

    text = console.table(("Key", "Id"), [("n" * 60, "i" * 30)], flexible=(0,))

    assert "i" * 30 in text


def test_a_name_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in console.table(("Key",), [("\x1b[2Jgone",)])


def test_a_table_of_no_rows_has_its_headers() -> None:
    assert console.table(("Key", "Id"), []).startswith("Key")


def test_a_report_goes_to_its_file_with_its_own_line_ends(tmp_path: Path) -> None:
    target = console.Target(tmp_path / "report.csv")

    target.write("a\r\nb\r\n")

    assert (tmp_path / "report.csv").read_bytes() == b"a\r\nb\r\n"


def test_a_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    console.Target(Path("-")).write("report\n")

    assert capsys.readouterr().out == "report\n"


def test_a_file_that_cannot_be_written_in_the_end_is_told(tmp_path: Path) -> None:
    target = console.Target(tmp_path / "report.md")
    (tmp_path / "report.md").mkdir()

    with pytest.raises(InvalidInput, match="cannot be written"):
        target.write("report")
