from collections.abc import Iterator

import pytest

from tests.chromium import Browser, open_browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Give one browser to all tests of a process, since it takes a second to start."""
    with open_browser() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """Give the browser as it was at first."""
    yield chromium
    chromium.scripts(run=True)
