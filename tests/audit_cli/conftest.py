from pathlib import Path

import pytest

from tests.door import Door


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    """Give a door to no ledger yet."""
    monkeypatch.chdir(tmp_path)
    return Door(tmp_path)


@pytest.fixture
def keyledger(empty: Door) -> Door:
    """Give a door to the ledger of acme."""
    empty.found()
    return empty
