"""The sessions of the README and of docs/ are run, and what is shown of them is what they print."""

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
from tests.pages import PAGES, README, ROOT, Block, blocks, called
from tests.programs import installed

FIGURES = ROOT / "benchmarks" / "results"
TEXT = README.read_text(encoding="utf-8")

# What differs from run to run, and what to call it.
PLACEHOLDERS = (
    # Not even of a ledger that is gone does the documentation show a secret.
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


def session(block: Block) -> list[Step]:
    steps: list[Step] = []
    for line in block.text.splitlines():
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


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


class Shell:
    """Where a reader types commands: what was set stays set."""

    def __init__(self, folder: Path, background: ExitStack) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = os.environ | {"PATH": path, "TMPDIR": str(folder)}
        self._folder = folder
        self._background = background
        self._settings = ""
        self._port = free_port()

    def save(self, file: Block) -> None:
        (self._folder / file.name).write_text(file.text, encoding="utf-8")

    def follow(self, step: Step) -> None:
        """Run a command, which prints what is shown below it."""
        command = step.command.replace("8431", self._port)
        if command.startswith(("export ", "umask ")):
            self._settings += f"{command}\n"
        elif command.endswith(" &"):
            self._background.enter_context(self._running(command.removesuffix(" &")))
        else:
            if command.startswith("date "):
                # It writes whole seconds: a reader is slower than one, and so his key is older than its use.
                time.sleep(1)
            printed = self._printed(command)

            assert re.fullmatch(expected(step.shown), settled(printed)), f"$ {command}\n{printed}"

    def _printed(self, command: str) -> str:
        ended = subprocess.run(
            ["bash", "-c", self._settings + command],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return ended.stdout

    @contextmanager
    def _running(self, command: str) -> Iterator[None]:
        """Run what a session leaves running, until the block is left."""
        process = subprocess.Popen(
            ["bash", "-c", f"{self._settings}exec {command}"], cwd=self._folder, env=self._environment
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


@pytest.mark.parametrize("page", [page for page in PAGES if "```console" in page.read_text()], ids=called)
def test_the_sessions_print_what_is_shown(page: Path, tmp_path: Path) -> None:
    for program in ("curl", "openssl"):
        installed(program)
    # Those of docs/ go on where the README's end.
    shown = [each for read in dict.fromkeys((README, page)) for each in blocks(read)]

    with ExitStack() as background:
        shell = Shell(tmp_path, background)
        for block in shown:
            if block.name:
                shell.save(block)
            for step in session(block) if block.language == "console" else ():
                # The demo has a ledger of its own, which no page goes on with.
                if page == README or not step.command.startswith("keyledger demo"):
                    shell.follow(step)


@pytest.mark.parametrize("page", PAGES, ids=called)
def test_all_that_is_shown_as_code_is_run(page: Path) -> None:
    """Others than sessions and their files have tests of their own."""
    others = {"README.md": ["sh"], "docs/services.md": ["python"]}

    rest = [block.language for block in blocks(page) if block.language != "console" and not block.name]

    assert rest == others.get(called(page), [])


def test_the_two_commands_to_start_with_are_there() -> None:
    (block,) = [block for block in blocks(README) if block.language == "sh"]

    commands = [line.partition("#")[0].split() for line in block.text.splitlines()]

    assert commands == [["make", "demo"], ["make", "test"]]
    for command in commands:
        subprocess.run([*command, "--dry-run"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("run", ["latest", "small"])
def test_the_tables_of_speed_show_the_latest_figures(run: str) -> None:
    """`python -m benchmarks --table benchmarks/results/latest.json` prints what belongs there."""
    assert readme_table(read_report(FIGURES / f"{run}.json")) in TEXT


def test_the_first_screen_says_what_it_is_and_how_to_start() -> None:
    screen = "\n".join(TEXT.splitlines()[:25])

    assert "command -> domain event -> ledger -> projection -> audit rule -> report" in screen
    assert "make demo" in screen
    assert "make test" in screen
    assert all(who in screen for who in ("security teams", "admins", "services"))


def test_the_readme_stays_short_but_for_its_table() -> None:
    assert len(TEXT.partition("## How fast")[0].splitlines()) <= 160
