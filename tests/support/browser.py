"""Headless Chromium (`make browser`): what it needs, how it is started, and what it is asked."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
MISSING = (
    *(() if os.environ.get("BROWSER") else ("BROWSER=1 (make browser)",)),
    *(f"{name} (apt-get install {package})" for name, package in
      (("chromium", "chromium"), ("chromedriver", "chromium-driver")) if not shutil.which(name)),
    *(() if importlib.util.find_spec("selenium") else ("selenium (pip install selenium)",)),
)  # fmt: skip


def not_without(*missing: str) -> pytest.MarkDecorator:
    """The mark of tests that are skipped where this, or what every browser needs, is missing."""
    lacking = [*MISSING, *missing]
    return pytest.mark.skipif(bool(lacking), reason=f"not looked at without {lacking}")


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """A browser with an empty profile in this folder."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    made = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    made.set_script_timeout(120)
    try:
        yield made
    finally:
        made.quit()


def look(browser: Any, scheme: str, width: int) -> None:
    """Whatever is shown from now on is in this colour scheme, on a screen of this width."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": scheme}]})  # fmt: skip
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500})  # fmt: skip


def assert_fits_and_can_be_read(browser: Any, width: int) -> None:
    """The page is not wider than the screen, and axe-core finds nothing."""
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    if not AXE.exists():
        pytest.skip(f"contrast is not looked at without {AXE} (npm install axe-core, or AXE_CORE)")
    browser.execute_script(AXE.read_text())
    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
        ".then((told) => done(told.violations.map((each) => [each.id, each.nodes[0].html])))"
    )
    assert found == []
