"""The `keyledger` command at work on a ledger of the test's own, in this process and as one of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
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
    def json(self) -> Any:
        return json.loads(self.out)


class Door:
    """Runs commands; the ledger is named by the environment, as a user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = folder / "ledger.db"
        self.environment = {"KEYLEDGER_URL": str(self.ledger)}

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
        self, *arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None
    ) -> Answer:
        """Run the installed command as a process of its own."""
        ended = subprocess.run(
            [EXECUTABLE, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=os.environ | self.environment | (environment or {}),
            cwd=self.folder,
        )
        return Answer(ended.returncode, ended.stdout, ended.stderr)

    def found(self) -> None:
        """Make the ledger with the organization acme; whoever runs the tests is its admin, Ada."""
        self.well("init", "acme", "--admin", "ada@example.com")

    def create(self, name: str, *options: str) -> Any:
        """Make a key; returns what `--format json` says of it."""
        return self.well("key", "create", name, *options, "--format", "json").json
