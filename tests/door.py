"""The `keyledger` command at work on a ledger of the test's own, in this process and as one of its own."""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from typer.testing import CliRunner

from audit_cli.main import app

EXECUTABLE = Path(sys.executable).with_name("keyledger")


class Answer(msgspec.Struct, frozen=True):
    """What a command wrote, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


def _read(screen: io.FileIO) -> bytes:
    try:
        return screen.read(65536)
    except OSError:  # how Linux says that the other side is closed
        return b""


class Door:
    """Runs commands; the ledger is named by the environment, as a user would."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.address = address
        self.environment = {"KEYLEDGER_URL": address}

    def __call__(self, *arguments: str, stdin: str | bytes | None = None) -> Answer:
        """Run it in this process."""
        result = CliRunner().invoke(app, arguments, input=stdin, env=self.environment, prog_name="keyledger")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def well(self, *arguments: str, stdin: str | bytes | None = None) -> Answer:
        """Run it and insist that it could be done."""
        answer = self(*arguments, stdin=stdin)
        assert answer.status == 0, answer
        return answer

    def process(
        self,
        *arguments: str,
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
        through: Sequence[str] = (),
    ) -> Answer:
        """Run the installed command as a process of its own, `through` another command if need be."""
        ended = subprocess.run(
            [*through, EXECUTABLE, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=os.environ | self.environment | dict(environment or {}),
            cwd=self.folder,
        )
        return Answer(ended.returncode, ended.stdout, ended.stderr)

    def terminal(
        self, *arguments: str, typed: str = "", environment: Mapping[str, str] | None = None
    ) -> Answer:
        """Run the installed command on a terminal of 80 columns; `out` is all that the screen was sent.

        What is typed is typed when it is asked for, as whoever answers would.
        """
        ours, theirs = pty.openpty()
        size = {"COLUMNS": "80", "LINES": "40", "TERM": "xterm"}
        process = subprocess.Popen(
            [EXECUTABLE, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=os.environ | size | self.environment | dict(environment or {}),
            cwd=self.folder,
            start_new_session=True,
        )
        os.close(theirs)
        sent = b""
        with os.fdopen(ours, "r+b", buffering=0) as screen:
            while read := _read(screen):
                sent += read
                if typed and sent.endswith((b": ", b"ends.\r\n")):
                    screen.write(typed.encode())
                    typed = ""
        return Answer(process.wait(timeout=60), sent.decode().replace("\r\n", "\n"), "")

    def found(self) -> None:
        """Make the ledger with the organization acme; whoever runs the tests is its admin, Ada."""
        self.well("init", "acme", "--admin", "ada@example.com")

    def create(self, name: str, *options: str) -> dict[str, Any]:
        """Make a key; returns what `--format json` says of it."""
        return self.well("key", "create", name, *options, "--format", "json").json
