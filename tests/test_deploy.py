"""What an operator copies: it parses where it will be read, and the commands in it exist."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import yaml
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as SarifLog

from audit_cli import notification
from ledger.secret import new_secret
from ledger.settings import NAMES
from tests.door import EXECUTABLE, Door
from tests.programs import installed

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
ACTION = ROOT / "action.yml"
UNIT = DEPLOY / "keyledger-audit.service"
INSTALLED = "/opt/keyledger/bin/keyledger"
SECRET = new_secret("kl", Random(1).randbytes).reveal()


def read(path: Path) -> Any:  # noqa: ANN401 - whatever stands there
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)


def run_step(name: str) -> str:
    (script,) = [step["run"] for step in read(ACTION)["runs"]["steps"] if step["name"] == name]
    return str(script)


def scheduled() -> list[list[str]]:
    """The commands of the unit and of the cron table."""
    unit = re.findall(r"^ExecStart=(.+)$", UNIT.read_text(), re.MULTILINE)
    cron = re.findall(rf"{INSTALLED} .+$", (DEPLOY / "keyledger-audit.cron").read_text(), re.MULTILINE)
    return [shlex.split(command) for command in (*unit, *cron)]


def test_pre_commit_accepts_the_manifest_of_hooks() -> None:
    answer = tool("pre_commit", "validate-manifest", str(HOOKS))

    assert answer.returncode == 0, answer.stdout


def test_the_hook_refuses_files_that_hold_a_secret(empty: Door, tmp_path: Path) -> None:
    (hook,) = read(HOOKS)
    command = shlex.split(hook["entry"])
    (tmp_path / "clean.py").write_text("x = 1\n")
    (tmp_path / "guilty.env").write_text(f"KEY={SECRET}\n")

    clean = empty(*command[1:], "clean.py")
    guilty = empty(*command[1:], "clean.py", "guilty.env")

    assert command[0] == "keyledger"
    assert (clean.status, guilty.status) == (0, 3)
    assert "guilty.env:1" in guilty.out


def test_the_action_is_what_githubs_published_schema_asks_for() -> None:
    answer = tool("check_jsonschema", "--builtin-schema", "vendor.github-actions", str(ACTION))

    assert answer.returncode == 0, answer.stdout


def test_every_input_of_the_action_is_used_and_none_becomes_a_part_of_a_script() -> None:
    action = read(ACTION)
    text = ACTION.read_text()

    used = set(re.findall(r"inputs\.([a-z-]+)", text))

    assert used == set(action["inputs"])
    assert [step["name"] for step in action["runs"]["steps"] if "${{" in step.get("run", "")] == []


class Acted(msgspec.Struct, frozen=True):
    """How the action's own step ended."""

    status: int
    said: str
    outputs: dict[str, str]


def act(folder: Path, **variables: str) -> Acted:
    """Run the step as a runner does, with a keyledger where the step before would have put it."""
    place = folder / "runner" / "keyledger" / "bin"
    place.mkdir(parents=True)
    (place / "keyledger").symlink_to(EXECUTABLE)
    output = folder / "runner" / "output"
    output.touch()
    unset = ("COMMAND", "SCANNED", "PREFIX", "RECORD", "FAIL_ON", "KEYLEDGER_URL")
    environment = {
        **os.environ,
        **dict.fromkeys(unset, ""),
        "RUNNER_TEMP": str(folder / "runner"),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_REPOSITORY": "acme/payments",
        **variables,
    }
    ended = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", run_step("Run keyledger")],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return Acted(ended.returncode, ended.stdout + ended.stderr, outputs)


def results(acted: Acted) -> list[dict[str, Any]]:
    text = Path(acted.outputs["sarif"]).read_text()
    SarifLog.model_validate_json(text)
    found: list[dict[str, Any]] = json.loads(text)["runs"][0]["results"]
    return found


@pytest.mark.parametrize(("text", "status"), [("nothing", "0"), (SECRET, "3")], ids=["clean", "leaked"])
def test_the_action_scans_a_checkout_without_a_ledger(tmp_path: Path, text: str, status: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a b.py").write_text(text)

    acted = act(tmp_path, COMMAND="scan", SCANNED="src")

    assert (acted.status, acted.outputs["status"]) == (0, status)
    where = [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results(acted)]
    assert where == (["src/a%20b.py"] if status == "3" else [])


def test_the_action_audits_a_ledger(keyledger: Door, tmp_path: Path) -> None:
    keyledger.create("tmp")

    acted = act(tmp_path, COMMAND="audit", KEYLEDGER_URL=keyledger.address, RECORD="true", FAIL_ON="info")

    assert acted.outputs["status"] == "3", acted.said
    assert [each["ruleId"] for each in results(acted)] == ["undescriptive-name"]
    assert len(keyledger.well("audit-history", "--format", "json").json["runs"]) == 1


@pytest.mark.parametrize(
    "variables", [{"COMMAND": "audit"}, {"COMMAND": "rm"}, {}], ids=["bare", "rm", "none"]
)
def test_the_action_says_what_it_lacks(tmp_path: Path, variables: dict[str, str]) -> None:
    acted = act(tmp_path, **variables)

    assert (acted.status, acted.outputs, "::error::" in acted.said) == (1, {}, True)


def test_what_is_scanned_cannot_pass_for_an_option(tmp_path: Path) -> None:
    acted = act(tmp_path, COMMAND="scan", SCANNED="--help", RECORD="true")

    assert acted.outputs["status"] == "1"
    assert "--help does not exist" in acted.said


def test_the_commands_that_are_scheduled_exist(empty: Door) -> None:
    commands = scheduled()

    assert len(commands) == 2
    for program, *arguments in commands:
        assert program == INSTALLED
        empty.well(*arguments, "--help")


def test_systemd_finds_no_fault_with_the_units_and_little_that_they_are_exposed_to(tmp_path: Path) -> None:
    analyze = installed("systemd-analyze", "systemd")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(INSTALLED, str(EXECUTABLE)))
    timer = tmp_path / "keyledger-audit.timer"
    shutil.copy(DEPLOY / timer.name, timer)

    asked = (["verify", str(unit), str(timer)], ["security", "--offline=yes", "--threshold=15", str(unit)])
    for arguments in asked:
        answer = subprocess.run([analyze, *arguments], capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_settings_of_the_scheduled_audit_are_settings() -> None:

    known = {f"KEYLEDGER_{name.upper()}" for name in NAMES} | {notification.URL, notification.SECRET}
    for file in DEPLOY.glob("keyledger-audit.*"):
        assert set(re.findall(r"KEYLEDGER_\w+", file.read_text())) <= known


def test_the_guide_names_files_that_are_there() -> None:
    guide = (DEPLOY / "scheduled-audit.md").read_text()

    named = set(re.findall(r"keyledger-audit\.\w+", guide))

    assert named == {path.name for path in DEPLOY.glob("keyledger-audit.*")}
