import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
BACKEND = [Requirement(text) for text in PROJECT["build-system"]["requires"]]
EXTRAS = PROJECT["project"]["optional-dependencies"]
SERVER = [Requirement(text) for extra in ("postgresql", "server", "telemetry") for text in EXTRAS[extra]]
DEVELOPMENT = [Requirement(text) for text in chain.from_iterable(EXTRAS.values())]

# Nothing else may stand in a lock: no option, no address, no path.
PIN = re.compile(
    r"(?P<name>[a-z0-9-]+)(\[[a-z0-9, -]+\])?==(?P<version>[0-9a-z.]+)( ; [a-zA-Z0-9_ .<>=!'()-]+)? \\"
)
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
ORIGIN = re.compile(r"    # +(via( .+)?|(-[cr] )?[A-Za-z0-9_.-]+( \(pyproject\.toml\))?)")


def lock_lines(name: str) -> list[str]:
    return (ROOT / name).read_text(encoding="utf-8").splitlines()


def pins(name: str) -> dict[str, Version]:
    matches = (PIN.fullmatch(line) for line in lock_lines(name))
    return {match["name"]: Version(match["version"]) for match in matches if match}


def ruff_exceptions() -> Iterator[str]:
    """Give the lines of pyproject.toml that except a rule of ruff."""
    section = ""
    for line in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        section = line if line.startswith("[") else section
        if section.startswith("[tool.ruff.lint") and re.match(r'    "[A-Z]+[0-9]*",', line):
            yield line


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-server.lock"])
def test_a_lock_holds_hashed_pins_and_neither_addresses_nor_paths(lock: str) -> None:
    lines = lock_lines(lock)

    strange = [
        line
        for line in lines
        if not (PIN.fullmatch(line) or HASH.fullmatch(line) or ORIGIN.fullmatch(line)) or "/" in line
    ]
    unhashed = [
        line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if PIN.fullmatch(line) and not HASH.fullmatch(following)
    ]

    assert strange == []
    assert unhashed == []


@pytest.mark.parametrize(
    ("lock", "declared"),
    [
        pytest.param("requirements.lock", RUNTIME + BACKEND, id="runtime"),
        pytest.param("requirements-server.lock", RUNTIME + SERVER, id="server"),
        pytest.param("requirements-dev.lock", RUNTIME + BACKEND + DEVELOPMENT, id="development"),
    ],
)
def test_a_lock_pins_every_declared_dependency_within_its_bounds(
    lock: str, declared: list[Requirement]
) -> None:
    locked = pins(lock)

    for requirement in declared:
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not in {lock}: run make lock"
        assert version in requirement.specifier, f"{requirement} but {lock} has {version}: run make lock"


def test_the_locks_agree_so_that_tests_run_what_users_get() -> None:
    development = pins("requirements-dev.lock")

    for lock in ("requirements.lock", "requirements-server.lock"):
        assert pins(lock).items() <= development.items()


@pytest.mark.parametrize("requirement", RUNTIME + BACKEND + DEVELOPMENT, ids=str)
def test_every_dependency_has_a_lower_and_an_upper_bound(requirement: Requirement) -> None:
    operators = {each.operator for each in requirement.specifier}

    assert operators == {">=", "<"}


def test_the_changelog_says_what_is_unreleased() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    unreleased = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)

    assert unreleased is not None
    assert re.search(
        r"^### (Added|Changed|Deprecated|Removed|Fixed|Security)\n\n- ", unreleased[1], re.MULTILINE
    )


def test_every_exception_from_the_linter_gives_its_reason() -> None:
    lines = list(ruff_exceptions())
    config = PROJECT["tool"]["ruff"]["lint"]
    excepted = [*config["ignore"], *chain.from_iterable(config["per-file-ignores"].values())]

    assert len(lines) == len(excepted), "an exception shares its line with another"
    assert [line for line in lines if not re.search(r", +# \S", line)] == []
