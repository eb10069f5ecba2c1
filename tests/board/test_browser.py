"""The site in headless Chromium (`make site browser`): it fits, can be read, filters and opens."""

from __future__ import annotations

import importlib.util
import os
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools.site.__main__ import SITE

AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
MISSING = [
    *([] if os.environ.get("BROWSER") else ["BROWSER=1 (make browser)"]),
    *(name for name in ("chromium", "chromedriver") if not shutil.which(name)),
    *(["selenium"] if not importlib.util.find_spec("selenium") else []),
    *(["the site (make site)"] if not (SITE / "index.html").exists() else []),
]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not looked at without {MISSING}")
PAGES = ("index.html", "chapters.html", "requirements/index.html", "requirements/MASK-004.html",
         "hazards/index.html", "hazards/mask-precedence.html", "files.html", "dialects/index.html",
         "dialects/mlx-lm-0.31--mlx-lm-0.32.html", "implementations/mlx-lm-0.32.2.html",
         "implementations/vllm-mlx-0.6.0-BatchMambaCache.html")  # fmt: skip


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Nothing."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    made = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    made.set_script_timeout(120)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.root = f"http://127.0.0.1:{server.server_port}/"
    yield made
    made.quit()
    server.shutdown()


def test_a_link_to_a_case_opens_it(browser):
    browser.get(f"{browser.root}requirements/MASK-004.html#mask.both.combination")
    assert browser.execute_script(
        "return document.getElementById('mask.both.combination').closest('details').open"
    )


def test_hazards_are_filtered(browser):
    browser.get(f"{browser.root}hazards/index.html")
    script = browser.execute_script
    total = script("return document.querySelectorAll('.trophy').length")
    script("const one = document.getElementById('hazard-dialect'); one.value = 'mlxrs-0.1';"
           "one.dispatchEvent(new Event('input'))")  # fmt: skip
    shown = script("return document.querySelectorAll('.trophy:not([hidden])').length")
    assert 0 < shown < total
    assert (
        script("return document.getElementById('hazard-count').textContent") == f"{shown} hazards"
    )


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_and_can_be_read(browser, page, width, scheme):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": scheme}]})  # fmt: skip
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500})  # fmt: skip
    browser.get(browser.root + page)
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
