"""What a soak found, kept as JSON and as a table to read."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from platform import python_version
from sqlite3 import sqlite_version

from tabulate import tabulate


class Results:
    """Figures by test."""

    def __init__(self) -> None:
        self.passed = 0
        self._figures: dict[str, dict[str, object]] = {}

    def add(self, test: str, figures: Mapping[str, object]) -> None:
        self._figures.setdefault(test, {}).update(figures)

    def write(self, folder: Path) -> None:
        about = {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "python": python_version(),
            "sqlite": sqlite_version,
        }
        report = {"schema": "keyledger.soak/1", **about, "tests": self._figures}
        (folder / "soak.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        (folder / "soak.md").write_text(self._table(about), encoding="utf-8")

    def _table(self, about: Mapping[str, str]) -> str:
        versions = ", ".join(f"{name} {value}" for name, value in about.items() if name != "date")
        rows = [
            (
                _sentence(test),
                "; ".join(f"{name.replace('_', ' ')}: {_shown(value)}" for name, value in found.items()),
            )
            for test, found in self._figures.items()
        ]
        table = tabulate(rows, headers=("what held", "under"), tablefmt="github")
        return f"# The last `make soak`: {about['date']}, {versions}\n\nAll of these held.\n\n{table}\n"


def _sentence(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ").replace("[", " (").replace("]", ")")


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)
