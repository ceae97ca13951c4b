"""The results of a run: stored as JSON, shown as a table."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from tabulate import tabulate

from benchmarks.comparison import Result
from benchmarks.machine import Machine
from benchmarks.scale import FULL

SCHEMA = "keyledger.benchmarks/1"

_HEADERS = ("what", "against", "ours", "theirs", "ratio", "wanted")
_RULES = ("---", "---", *("--:",) * 4)
_SHORT = 100


class Report(msgspec.Struct, frozen=True):
    """One run; `measured_on` is its day, `scale` its sizes."""

    schema: str
    measured_on: str
    scale: str
    machine: Machine
    results: Sequence[Result]


def read_report(path: Path) -> Report:
    """A run that was stored."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


def write_report(path: Path, report: Report) -> None:
    """Store a run, a line a figure, so that two runs can be compared."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def terminal_table(report: Report) -> str:
    """The figures by the comparisons' names."""
    rows = [(result.name, *_figures(result)) for result in report.results]
    headers = ("comparison", *_HEADERS[2:])
    return tabulate(rows, headers, disable_numparse=True, colalign=("left", *("right",) * 4))


def readme_table(report: Report) -> str:
    """What the README shows: when and where it was measured, and the figures in words."""
    sizes = "" if report.scale == FULL.name else f" ({report.scale} sizes)"
    rows = [(result.what, _against(result), *_figures(result)) for result in report.results]
    lines = [" | ".join(row) for row in (_HEADERS, _RULES, *rows)]
    table = "\n".join(f"| {line} |" for line in lines)
    return f"Measured on {report.measured_on}{sizes}: {report.machine}.\n\n{table}"


def _against(result: Result) -> str:
    return f"{result.against} ({result.note})" if result.note else result.against


def _figures(result: Result) -> tuple[str, str, str, str]:
    """Ours, theirs, the ratio and what was wanted, which says where it was not reached."""
    ours = f"{_number(result.ours)} {result.unit}"
    missed = "" if result.is_reached else ", not reached"
    if result.ratio is None or result.theirs is None:
        return ours, "", "", f"at most {result.wanted:g}{missed}"
    return ours, _number(result.theirs), f"{result.ratio:.2f}", f"at least {result.wanted:g}{missed}"


def _number(value: float) -> str:
    return f"{value:.1f}" if value < _SHORT else f"{value:,.0f}"
