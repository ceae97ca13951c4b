import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.door import Door
from tests.office import Office
from tests.place import KINDS, Place
from tests.world import World

# Timing is no property of the code under test, hence no deadline. CI tries the same examples every time, so
# that a red run can be repeated; elsewhere new ones are tried each time.
settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("KEYLEDGER_CI") else "dev")

KEPT_VARIABLES = {"KEYLEDGER_CI", "KEYLEDGER_REAL_DATA", "KEYLEDGER_TEST_POSTGRESQL"}
TERMINAL_VARIABLES = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")


@pytest.fixture(autouse=True)
def _isolated_environment(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep the ledger, settings and terminal of whoever runs the tests out of them."""
    for name in [name for name in os.environ if name.startswith("KEYLEDGER_")]:
        if name not in KEPT_VARIABLES:
            monkeypatch.delenv(name)
    for name in TERMINAL_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    if request.node.get_closest_marker("performance"):
        for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Give the folder of recorded cloud data; without one, skip here and fail in CI."""
    value = os.environ.get("KEYLEDGER_REAL_DATA")
    if value is None:
        if os.environ.get("KEYLEDGER_CI"):
            pytest.fail("KEYLEDGER_REAL_DATA is not set, and in CI no test may go without its data")
        pytest.skip("KEYLEDGER_REAL_DATA is not set: point it to the folder of recorded cloud data")
    folder = Path(value)
    if not folder.is_dir():
        pytest.fail(f"KEYLEDGER_REAL_DATA is {value}, which is no folder")
    return folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run whatever needs a ledger on each database, unless it says why on SQLite only."""
    if "place" in metafunc.fixturenames:
        kinds = KINDS[:1] if metafunc.definition.get_closest_marker("sqlite_only") else KINDS
        metafunc.parametrize("place", kinds, indirect=True, scope="module")


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> Place:
    """Give one kind of database, in which a test makes as many ledgers as it wants."""
    return Place(request.param)


@pytest.fixture
def address(place: Place) -> Iterator[str]:
    """Give the address of a place with no ledger in it yet."""
    with place.ledger() as address:
        yield address


@pytest.fixture
def world(address: str) -> Iterator[World]:
    """Give a ledger whose clock and random bytes are the test's."""
    world = World(address)
    yield world
    world.database.close()


@pytest.fixture
def office(address: str) -> Iterator[Office]:
    """Give a ledger with one organization, whose clock the test sets."""
    office = Office(address)
    yield office
    office.close()


@pytest.fixture
def empty(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    """Give a door to no ledger yet."""
    monkeypatch.chdir(tmp_path)
    return Door(tmp_path, address)


@pytest.fixture
def keyledger(empty: Door) -> Door:
    """Give a door to the ledger of acme."""
    empty.found()
    return empty
