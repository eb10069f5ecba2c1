"""The HTML report in headless Chromium: it filters, opens a failure, copies its command, fits."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from conformance.reporting import formats
from reporting.made import SUITE, report

AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
MISSING = [
    *([] if os.environ.get("BROWSER") else ["BROWSER=1 (make browser)"]),
    *(f"{name} (apt-get install {package})" for name, package in
      (("chromium", "chromium"), ("chromedriver", "chromium-driver")) if not shutil.which(name)),
    *(["selenium (pip install selenium)"] if not importlib.util.find_spec("selenium") else []),
]  # fmt: skip
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not looked at without {MISSING}")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    folder = tmp_path_factory.mktemp("browser")
    (folder / "report.html").write_text(formats.rendered(report(), SUITE, "html"))
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    made = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    made.set_script_timeout(120)
    made.get((folder / "report.html").as_uri())
    yield made
    made.quit()


def test_it_filters_opens_a_failure_and_copies_its_command(browser):
    script = browser.execute_script
    cases = len(SUITE.cases)
    assert script("return shown.textContent") == f"{cases} of {cases} cases"
    script("search.value = 'mask.both'; search.dispatchEvent(new Event('input'))")
    wanted = sum("mask.both" in case for case in SUITE.cases)
    assert script("return shown.textContent") == f"{wanted} of {cases} cases"
    script("search.value = ''; search.dispatchEvent(new Event('input'))")
    case = script("const one = document.querySelector('details.case'); location.hash = one.id;"
                  "return one.id")  # fmt: skip
    by = {"css selector": f"[id='{case}'] .copy"}
    ((how, where),) = by.items()
    button = browser.find_element(how, where)
    assert script("return arguments[0].closest('details.case').open", button)
    script(
        "document.execCommand = () => { window.copied = document.activeElement.value; };"
        "navigator.clipboard.writeText = async (text) => { window.copied = text; };"
        "arguments[0].click()",
        button,
    )
    assert f"--case {case}" in script("return window.copied")


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(browser, width, scheme):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": scheme}]})  # fmt: skip
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500})  # fmt: skip
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    if not AXE.exists():
        pytest.skip(f"contrast is not looked at without {AXE} (npm install axe-core, or AXE_CORE)")
    browser.execute_script(AXE.read_text())
    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
        ".then((told) => done(told.violations.map((each) => each.id)))"
    )
    assert found == []
