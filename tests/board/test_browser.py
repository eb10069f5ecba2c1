"""The site in headless Chromium (`make site browser`): it fits, can be read, filters and opens."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.browser import assert_fits_and_can_be_read, chromium, look, not_without

from tools.site.__main__ import SITE

pytestmark = not_without(*(() if (SITE / "index.html").exists() else ("the site (make site)",)))
PAGES = ("index.html", "chapters.html", "requirements/index.html", "requirements/MASK-004.html",
         "hazards/index.html", "hazards/mask-precedence.html", "files.html", "dialects/index.html",
         "dialects/mlx-lm-0.31--mlx-lm-0.32.html", "implementations/mlx-lm-0.32.2.html",
         "implementations/vllm-mlx-0.6.0-BatchMambaCache.html")  # fmt: skip


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Nothing."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as made:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.root = f"http://127.0.0.1:{server.server_port}/"
        yield made
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
    look(browser, scheme, width)
    browser.get(browser.root + page)
    assert_fits_and_can_be_read(browser, width)
