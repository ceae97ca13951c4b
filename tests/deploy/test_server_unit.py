"""The systemd unit of the server: systemd finds no fault with it, and what it starts is there."""

import re
import shlex
import subprocess
from pathlib import Path

from http_api.settings import Limits
from ledger.settings import NAMES
from tests.door import EXECUTABLE, Door
from tests.programs import installed

UNIT = Path(__file__).parents[2] / "deploy" / "keyledger.service"
INSTALLED = "/opt/keyledger/bin/keyledger"


def said(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.+)$", UNIT.read_text(), re.MULTILINE)


def test_systemd_finds_no_fault_with_the_servers_unit_and_little_exposure(
    tmp_path: Path,
) -> None:
    analyze = installed("systemd-analyze", "systemd")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(INSTALLED, str(EXECUTABLE)))

    asked = (["verify", str(unit)], ["security", "--offline=yes", "--threshold=15", str(unit)])
    for arguments in asked:
        answer = subprocess.run([analyze, *arguments], capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_command_and_the_settings_of_the_servers_unit_exist(empty: Door) -> None:
    (command,) = said("ExecStart")
    program, *arguments = shlex.split(command)
    settings = {setting.partition("=")[0] for setting in said("Environment")}

    assert program == INSTALLED
    empty.well(*arguments, "--help")
    assert settings <= {f"KEYLEDGER_{name.upper()}" for name in NAMES}


def test_systemd_waits_for_longer_than_the_server_takes_to_end() -> None:
    (patience,) = said("TimeoutStopSec")

    assert int(patience) > Limits().shutdown_s
