from pathlib import Path

import pytest

from benchmarks.comparison import Result
from benchmarks.machine import Machine
from benchmarks.report import SCHEMA, Report, read_report, readme_table, write_report

MACHINE = Machine(2, 24, "Linux x86_64", "3.11.7", "3.40.1", "15.20")


def result(ratio: float | None = 0.5, ours: float = 50, wanted: float = 0.7, note: str = "") -> Result:
    theirs = None if ratio is None else 100.0
    return Result("append", "appends", "a peer", "uses/s", wanted, ours, theirs, ratio, 3, note)


def report(*results: Result, scale: str = "full") -> Report:
    return Report(SCHEMA, "2026-11-23", scale, MACHINE, results)


def test_a_kept_report_is_read_as_it_was(tmp_path: Path) -> None:
    kept = report(result(), result(ratio=None, note="seen"))

    write_report(tmp_path / "kept.json", kept)

    assert readme_table(read_report(tmp_path / "kept.json")) == readme_table(kept)


@pytest.mark.parametrize(
    ("measured", "is_reached"),
    [
        pytest.param(result(ratio=0.7, wanted=0.7), True, id="ratio reached"),
        pytest.param(result(ratio=0.69, wanted=0.7), False, id="ratio too small"),
        pytest.param(result(ratio=None, ours=200, wanted=200), True, id="limit kept"),
        pytest.param(result(ratio=None, ours=201, wanted=200), False, id="limit exceeded"),
    ],
)
def test_a_figure_that_was_not_reached_says_so(measured: Result, *, is_reached: bool) -> None:
    shown = readme_table(report(measured))

    assert measured.is_reached is is_reached
    assert ("not reached" in shown) is not is_reached


def test_the_table_says_when_where_and_at_which_sizes_it_was_measured() -> None:
    first, *_ = readme_table(report(result(), scale="small")).splitlines()

    assert first == (
        "Measured on 2026-11-23 (small sizes):"
        " 2 cores, 24 GB, Linux x86_64, Python 3.11.7, SQLite 3.40.1, PostgreSQL 15.20."
    )
