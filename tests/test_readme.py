"""The README's sessions are run, and what it shows of them is what they print."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest

from benchmarks.report import read_report, readme_table
from tests.audit_cli.test_help import COMMANDS
from tests.programs import installed

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
FIGURES = ROOT / "benchmarks" / "results" / "latest.json"
TEXT = README.read_text(encoding="utf-8")

# What differs from run to run, and what to call it.
PLACEHOLDERS = (
    # Not even of a ledger that is gone does the README show a secret.
    (r"kl_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}|kl_[0-9A-Za-z]{12}\.{3}", "SECRET"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
    (r"\b[0-9a-f]{64}\b", "HASH"),
    (r"\b[0-9a-f]{8}\b", "ID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\d{4}-\d\d-\d\d", "DAY"),
    (r"\b\d+(ms|[smhd])\b", "SPAN"),
    (r"\d{8}T\d{6}\.\d{6}Z", "TIME"),
    (r"\S+/ledger\.db", "LEDGER"),
    (r"system user '\S+'", "system user"),
    # Texts of differing lengths are wrapped and ruled differently.
    (r"-{3,}", "RULE"),
    (r"\s+", " "),
)


class Step(msgspec.Struct):
    """A command of a session and the lines that are shown below it."""

    command: str
    shown: list[str]


def sessions() -> list[Step]:
    steps: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:], []))
            else:
                steps[-1].shown.append(line)
    return steps


def settled(text: str) -> str:
    for pattern, name in PLACEHOLDERS:
        text = re.sub(pattern, name, text)
    return text.strip()


def expected(shown: list[str]) -> str:
    """A pattern of what is shown; a line of three dots is for lines that are left out."""
    parts = "\n".join(shown).split("\n...")
    return ".*".join(re.escape(settled(part)) for part in parts)


def environment(folder: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "TMPDIR": str(folder)}


def run(command: str, folder: Path) -> str:
    ended = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return ended.stdout


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


@contextmanager
def in_background(command: str, folder: Path) -> Iterator[None]:
    """Run what a session leaves running, until the block is left."""
    process = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=folder, env=environment(folder))
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_the_sessions_print_what_the_readme_shows(tmp_path: Path) -> None:
    installed("curl")
    with ExitStack() as background:
        show(tmp_path, background)


def show(folder: Path, background: ExitStack) -> None:
    port = free_port()
    for step in sessions():
        command = step.command.replace("8431", port)
        if command.endswith(" &"):
            background.enter_context(in_background(command.removesuffix(" &"), folder))
            continue
        if command.startswith("date "):
            # It writes whole seconds: a reader is slower than one, and so his key is older than its use.
            time.sleep(1)
        printed = run(command, folder)

        assert re.fullmatch(expected(step.shown), settled(printed)), f"$ {command}\n{printed}"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_stands_in_the_readme(words: tuple[str, ...]) -> None:
    assert f"`keyledger {' '.join(words)}" in TEXT


def test_the_table_of_speed_shows_the_latest_figures() -> None:
    """`python -m benchmarks --table benchmarks/results/latest.json` prints what belongs there."""
    assert readme_table(read_report(FIGURES)) in TEXT


def test_the_first_screen_says_what_it_is_and_how_to_start() -> None:
    screen = "\n".join(TEXT.splitlines()[:25])

    assert "command -> domain event -> ledger -> projection -> audit rule -> report" in screen
    assert "make demo" in screen
    assert "make test" in screen
