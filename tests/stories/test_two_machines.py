import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from audit_cli.demo_data import DEFAULT_END, build
from audit_cli.demo_names import FOUNDER
from audit_cli.reports.formats import Format
from ledger.database import open_database
from ledger.moments import format_moment
from tests.door import Door
from tests.stories import every_format

WHEN = ("--as-of", format_moment(DEFAULT_END))
HERE = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}
THERE = {"TZ": "<+14>-14", "LC_ALL": "C", "PYTHONHASHSEED": "4242", "PYTHONUTF8": "0"}
THERE |= {"PYTHONCOERCECLOCALE": "0"}


def demonstrate(address: str) -> None:
    database = open_database(address, create=True)
    build(database, keys=20, days=90)
    database.close()


def copy(address: str, file: Path) -> None:
    """Copy the ledger; of a server, which has no file, by recording the same events in one."""
    file.parent.mkdir()
    if "://" in address:
        demonstrate(str(file))
    else:
        shutil.copy(address, file)


def reports(folder: Path) -> dict[Format, bytes]:
    return {form: (folder / f"report.{form}").read_bytes() for form in Format}


def written(address: str, folder: Path, machine: dict[str, str]) -> dict[Format, bytes]:
    """What a machine with such an environment says of the ledger."""
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-m", every_format.__name__, address, str(folder), *WHEN],
        env=os.environ | machine,
        cwd=Path(__file__).parents[2],
        check=True,
        timeout=120,
    )
    return reports(folder)


def test_two_machines_report_a_ledger_in_the_same_bytes_whatever_the_format(
    tmp_path: Path, address: str
) -> None:
    demonstrate(address)
    copy(address, tmp_path / "an other place" / "copy.db")

    one = written(address, tmp_path / "one", HERE)
    two = written(str(tmp_path / "an other place" / "copy.db"), tmp_path / "two", THERE)

    assert [form for form in Format if one[form] != two[form]] == []
    assert all(one.values())


def test_a_report_is_the_same_when_the_ledger_has_grown_since(tmp_path: Path, address: str) -> None:
    demonstrate(address)
    then, now = tmp_path / "then", tmp_path / "now"
    then.mkdir()
    now.mkdir()
    every_format.write(address, then, *WHEN)
    position = json.loads((then / "report.json").read_text())["position"]

    Door(tmp_path, address).well("key", "create", "one-more", "--as", FOUNDER)
    every_format.write(address, now, *WHEN, "--at-position", str(position))

    before, after = reports(then), reports(now)
    assert [form for form in Format if before[form] != after[form]] == []
