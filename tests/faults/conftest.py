import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.faults.desk import found
from tests.faults.plain import plain
from tests.faults.results import Results
from tests.faults.scale import LONG, SHORT, Scale

SERVER = os.environ.get("KEYLEDGER_TEST_POSTGRESQL", "postgresql+psycopg://127.0.0.1/test")
RESULTS = pytest.StashKey[Results]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", type=Path, metavar="FOLDER", help="the long versions; keeps figures there")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = Results()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    folder = session.config.getoption("soak", None)
    if folder and exitstatus == pytest.ExitCode.OK:
        session.config.stash[RESULTS].write(folder)


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> Scale:
    """Say how much to try: little, unless this is `make soak`."""
    return LONG if request.config.getoption("soak", None) else SHORT


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keep figures of a test for the results of a soak."""
    results = request.config.stash.setdefault(RESULTS, Results())
    return lambda **figures: results.add(request.node.name, figures)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the address of a ledger with one organization, on each database."""
    if request.param == "sqlite":
        found(str(tmp_path / "ledger.db"))
        yield str(tmp_path / "ledger.db")
        return
    require_server()
    name = f"keyledger_{uuid4().hex}"[:32]
    with plain(SERVER) as server:
        server.execute(f"CREATE SCHEMA {name}")
    address = f"{SERVER}{'&' if '?' in SERVER else '?'}options=-csearch_path%3D{name}"
    found(address)
    yield address
    with plain(SERVER) as server:
        server.execute("SET client_min_messages = warning")
        server.execute(f"DROP SCHEMA {name} CASCADE")


def require_server() -> None:
    try:
        with plain(SERVER):
            return
    except psycopg.OperationalError:
        reason = "no PostgreSQL server lets these tests in"
    if os.environ.get("KEYLEDGER_CI"):
        pytest.fail(f"{reason}, and in CI no test may go without its server")
    pytest.skip(f"{reason}: name a database for tests in KEYLEDGER_TEST_POSTGRESQL")
