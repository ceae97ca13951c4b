from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projections.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path / "ledger.db")
    yield office
    office.close()
