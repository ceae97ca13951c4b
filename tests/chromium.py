"""A real Chromium without a window, and what it says of a page: errors, requests, times, paper."""

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from axe_core_python.selenium import Axe
from pypdf import PdfReader
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.print_page_options import PrintOptions
from selenium.webdriver.remote.webelement import WebElement

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb"),
)
_AXE = """
const done = arguments[arguments.length - 1];
const told = each => [each.id, ...each.nodes.slice(0, 3).map(node => node.html + ' ' + node.failureSummary)];
axe.run(document, {resultTypes: ['violations']}).then(found => done(found.violations.map(told).map(String)));
"""


class Browser:
    """One window; each page is opened from a file, as somebody would to whom it was sent."""

    def __init__(self, driver: Chrome, folder: Path) -> None:
        self.driver = driver
        self._folder = folder

    def open(self, page: str) -> None:
        """Show a page in the light, in a window of a desktop's width, and without moving about."""
        file = self._folder / "report.html"
        file.write_text(page, "utf-8", newline="")
        # What a new window asks for, and what the page before said, are over then.
        self.driver.get("about:blank")
        self.told()
        self.asked()
        self.window(1280, 900)
        self.media(prefers_reduced_motion="reduce")
        self.driver.get(file.as_uri())

    def window(self, width: int, height: int) -> None:
        """Show pages as on a screen of that size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def media(self, **features: str) -> None:
        """Prefer what somebody prefers: `prefers_color_scheme="dark"`."""
        chosen = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": chosen})

    def scripts(self, *, run: bool) -> None:
        """Whether the next pages may run their scripts."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not run})

    def told(self) -> list[str]:
        """What was written to the console since last asked, refusals of the security policy included."""
        return [entry["message"] for entry in self._log("browser")]

    def asked(self) -> list[str]:
        """The addresses that were asked for since last asked."""
        messages = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        return [
            each["params"]["request"]["url"]
            for each in messages
            if each["method"] == "Network.requestWillBeSent"
        ]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        return entries

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever the script returns
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element("css selector", selector)

    def faults(self) -> list[str]:
        """What axe-core finds wrong with how the page can be perceived and used."""
        self.driver.execute_script(Axe().axe_script)
        found: list[str] = self.driver.execute_async_script(_AXE)
        return found

    def paper(self) -> list[str]:
        """The texts of the pages that a printer would get."""
        options = PrintOptions()
        options.background = True
        printed = base64.b64decode(self.driver.print_page(options))
        return [page.extract_text() for page in PdfReader(BytesIO(printed)).pages]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium with nothing of its user's; without one, skip here and fail in CI."""
    chromium, driver = _installed()
    options = ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with TemporaryDirectory(prefix="keyledger-chromium-", ignore_cleanup_errors=True) as folder:
        for argument in (*_QUIET, f"--user-data-dir={folder}/profile"):
            options.add_argument(argument)
        running = Chrome(options=options, service=ChromeService(driver))
        try:
            yield Browser(running, Path(folder))
        finally:
            running.quit()


def _installed() -> tuple[str, str]:
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if browser is not None and driver is not None:
        return browser, driver
    reason = "chromium and chromedriver are not both installed"
    if os.environ.get("KEYLEDGER_CI"):
        pytest.fail(f"{reason}, and in CI no test may go without its browser")
    pytest.skip(f"{reason}; on Debian: apt-get install chromium chromium-driver")
