"""The HTML report in headless Chromium: it filters, opens a failure, copies its command, fits."""

from __future__ import annotations

import pytest
from support.browser import assert_fits_and_can_be_read, chromium, look, not_without

from conformance.reporting import formats
from reporting.made import SUITE, report

pytestmark = not_without()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    (folder / "report.html").write_text(formats.rendered(report(), SUITE, "html"))
    with chromium(folder / "profile") as made:
        made.get((folder / "report.html").as_uri())
        yield made


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
    look(browser, scheme, width)
    assert_fits_and_can_be_read(browser, width)
