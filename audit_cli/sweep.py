"""A scan at work: over standard input, files and the history of repositories, with a bar."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from audit_cli.progress import progress
from ledger.scanning.files import scan_files, scan_stream
from ledger.scanning.found import Haul
from ledger.scanning.history import History
from ledger.scanning.naming import Naming
from ledger.scanning.reader import Reader
from ledger.scanning.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Sequence

STDIN = "-"


class Sweep:
    """What is to be scanned: paths and, with `history`, the repositories met on the way.

    Raises InvalidInput where a path or a prefix is none.
    """

    def __init__(
        self, paths: "Sequence[str]", prefixes: "Sequence[str] | None", label: str | None, *, history: bool
    ) -> None:
        self._reads_stdin = STDIN in paths
        self._named = [path for path in paths if path != STDIN]
        self._prefixes = prefixes
        self._history = history
        self._naming = Naming(str(Path.cwd()), label)
        self.here = self._naming(str(Path.cwd()))
        self._haul = Haul()
        self._walk = Walk(self._named, self._haul, self._naming)

    def run(self, prefixes: "Sequence[str]") -> Haul:
        """Scan for secrets with the prefixes that were asked for, or with these."""
        reader = Reader(self._prefixes or prefixes)
        if self._reads_stdin:
            stream = typer.get_binary_stream("stdin")
            scan_stream(stream.readinto, reader, self._haul, self._naming)  # type: ignore[attr-defined]
        with progress("scanning files") as bar:
            if self._named and sys.stderr is not None and sys.stderr.isatty():
                bar.total = Walk(self._named, Haul(), self._naming).size()
            scan_files(self._walk, reader, self._haul, self._naming, bar.advance)
        if self._history:
            for folder in sorted(self._walk.git_folders):
                self._scan_history(folder, reader)
        return self._haul

    def _scan_history(self, folder: str, reader: Reader) -> None:
        past = History(folder, os.environ, self._naming)
        try:
            with progress("scanning history") as bar:
                bar.total = past.size()
                past.scan(reader, self._haul, bar.advance)
        except FileNotFoundError:
            self._haul.miss(past.name, "git is not installed, and its history was not read")
        except OSError as error:
            self._haul.miss(past.name, error)
