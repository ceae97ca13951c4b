"""Run the comparisons on the machine at hand, print their table, keep the figures."""

import shutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.comparison import Comparison, Result, result_of
from benchmarks.errors import NotMeasured
from benchmarks.machine import this_machine
from benchmarks.registry import COMPARISONS
from benchmarks.report import SCHEMA, Report, read_report, readme_table, terminal_table, write_report
from benchmarks.scale import FULL, QUICK, SMALL, Scale
from benchmarks.site import Site
from ledger.errors import KeyledgerError

_NAMES = tuple(comparison.name for comparison in COMPARISONS)
# The large ledger of a database, what stands beside it, and room for what a rebuild makes.
_BYTES_PER_EVENT = 1_000


def main() -> int:
    """Run one command; returns 0, or 1 where a figure could not be taken."""
    parser = _parser()
    said = parser.parse_args()
    if said.json and not said.json.parent.is_dir():
        parser.error(f"there is no folder {said.json.parent} to keep the figures in")
    try:
        if said.table:
            sys.stdout.write(f"{readme_table(read_report(said.table))}\n")
            return 0
        return _bench(said)
    except KeyledgerError as error:
        _tell(str(error))
        return 1


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--small", dest="scale", action="store_const", const=SMALL, help="in some minutes")
    sizes.add_argument("--quick", dest="scale", action="store_const", const=QUICK, help="in about a minute")
    parser.set_defaults(scale=FULL)
    parser.add_argument("--only", action="append", choices=_NAMES, metavar="NAME", help=", ".join(_NAMES))
    parser.add_argument(
        "--postgresql",
        metavar="URL",
        help="a server and its database, to make schemas in; a password comes from PGPASSWORD or PGPASSFILE",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="keep the figures in this file")
    parser.add_argument("--folder", type=Path, help="where to make what is measured, instead of TMPDIR")
    parser.add_argument("--table", metavar="FILE", type=Path, help="print the README's table of kept figures")
    return parser


def _bench(said: Namespace) -> int:
    machine = this_machine(said.postgresql)
    scale, chosen = said.scale, _chosen(said)
    with TemporaryDirectory(dir=said.folder, prefix="keyledger-bench-") as folder:
        _require_room(Path(folder), scale)
        with closing(Site(Path(folder), scale, said.postgresql)) as site:
            results = list(_results(chosen, site))
    measured_on = datetime.now(UTC).date().isoformat()  # noqa: TID251 - a door reads the clock
    report = Report(SCHEMA, measured_on, scale.name, machine, results)
    if said.json:
        write_report(said.json, report)
    sys.stdout.write(f"{terminal_table(report)}\n")
    return 0 if len(results) == len(chosen) else 1


def _chosen(said: Namespace) -> list[Comparison]:
    chosen = [each for each in COMPARISONS if said.only is None or each.name in said.only]
    if said.postgresql is None and said.only is None:
        _tell("no server is named with --postgresql, so its comparisons are left out")
        return [each for each in chosen if not each.on_postgresql]
    return chosen


def _results(chosen: list[Comparison], site: Site) -> Iterator[Result]:
    for comparison in chosen:
        _tell(comparison.name)
        try:
            yield result_of(comparison, comparison.measure(site))
        except KeyledgerError as error:
            _tell(f"{comparison.name} could not be measured: {error}")


def _require_room(folder: Path, scale: Scale) -> None:
    free = shutil.disk_usage(folder).free
    needed = scale.stored * _BYTES_PER_EVENT
    if free < needed:
        raise NotMeasured(
            f"{needed >> 30} GB of disk are needed and {free >> 30} free; give another --folder"
        )


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
