from collections.abc import Iterator

import pytest

from tests.world import World


@pytest.fixture
def world(address: str) -> Iterator[World]:
    world = World(address)
    yield world
    world.database.close()
