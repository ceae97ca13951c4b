from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.desk import found
from tests.faults.results import Results
from tests.faults.scale import LONG, SHORT, Scale

RESULTS = pytest.StashKey[Results]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", type=Path, metavar="FOLDER", help="the long versions; keeps figures there")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = Results()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    folder, results = session.config.getoption("soak", None), session.config.stash[RESULTS]
    # An interrupted run may end with the status of a good one.
    if folder and exitstatus == pytest.ExitCode.OK and results.passed == session.testscollected:
        results.write(folder)


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    if call.when == "call" and call.excinfo is None:
        item.config.stash.setdefault(RESULTS, Results()).passed += 1


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> Scale:
    """Say how much to try: little, unless this is `make soak`."""
    return LONG if request.config.getoption("soak", None) else SHORT


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keep figures of a test for the results of a soak."""
    results = request.config.stash.setdefault(RESULTS, Results())
    return lambda **figures: results.add(request.node.name, figures)


@pytest.fixture
def address(address: str) -> str:
    """Give the address of a ledger with one organization, on each database."""
    found(address)
    return address
