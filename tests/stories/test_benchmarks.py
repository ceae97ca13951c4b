"""The benchmarks run, and what they find is not far from what is wanted."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.comparison import Result
from benchmarks.report import read_report

ROOT = Path(__file__).parents[2]
ROUNDS = 8

# Half of what is wanted: other work on the machine, and small sizes, turn no build red.
LENIENCY = 0.5

APPENDS = ("sqlite-append", "sqlite-append-one", "sqlite-growth")
# Not sqlite-as-of-bounded: at small sizes it is what opening a view takes, whatever the events.
READS = ("sqlite-check", "sqlite-rebuild", "sqlite-as-of", "sqlite-audit")
PEERS = ("check-keygate", "recorded-check-rest-framework")
SERVED = ("http-check", "http-uses")
LIMITS = ("sqlite-disk", "sqlite-rebuild-memory", "sqlite-audit-memory")

pytestmark = [pytest.mark.performance, pytest.mark.slow]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def measured(names: tuple[str, ...], folder: Path) -> Sequence[Result]:
    kept, used = folder / "figures.json", folder / "used"
    used.mkdir(exist_ok=True)
    only = [word for name in names for word in ("--only", name)]
    ended = run("--small", "--json", str(kept), "--folder", str(used), *only)
    assert ended.returncode == 0, ended.stderr
    assert list(used.iterdir()) == [], "the run left something behind"
    return read_report(kept).results


def best_share(name: str, folder: Path) -> float:
    """The share of the wanted ratio that the best of some runs came to; one that suffices is the last."""
    best = 0.0
    for _ in range(ROUNDS):
        (result,) = measured((name,), folder)
        best = max(best, (result.ratio or 0) / result.wanted)
        if best >= LENIENCY:
            break
    return best


@pytest.mark.parametrize("name", [*APPENDS, *READS, *PEERS, *SERVED])
def test_a_small_comparison_reaches_half_of_the_wanted_ratio(name: str, tmp_path: Path) -> None:
    if name == "http-check" and shutil.which("wrk") is None and not os.environ.get("KEYLEDGER_CI"):
        pytest.skip("wrk is not installed here")
    assert best_share(name, tmp_path) >= LENIENCY


def test_bytes_on_disk_and_memory_stay_within_their_limits(tmp_path: Path) -> None:
    for result in measured(LIMITS, tmp_path):
        assert result.ours <= result.wanted, result


def test_a_comparison_on_a_server_that_nobody_named_says_so_and_fails() -> None:
    ended = run("--small", "--only", "postgresql-append")

    assert ended.returncode == 1
    assert "postgresql-append could not be measured: it needs a PostgreSQL server" in ended.stderr


def test_a_server_that_does_not_answer_is_told_in_one_line() -> None:
    ended = run("--small", "--postgresql", "postgresql+psycopg://127.0.0.1:1/none")

    assert ended.returncode == 1
    assert ended.stderr.startswith("no server answers at the address of --postgresql: ")
    assert "Traceback" not in ended.stderr
