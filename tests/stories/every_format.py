"""Write a ledger's audit in every format: run as a process of its own, with an environment of its own."""

import sys
from pathlib import Path

from typer.testing import CliRunner

from audit_cli.main import app
from audit_cli.reports.formats import Format


def write(address: str, folder: Path, *options: str) -> None:
    """Write the reports as `report.FORMAT`."""
    for form in Format:
        file = str(folder / f"report.{form}")
        command = ("--ledger", address, "audit", *options, "--format", form, "-o", file, "--fail-on", "none")
        ended = CliRunner().invoke(app, command, catch_exceptions=False)
        if ended.exit_code:
            sys.exit(ended.output)


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
