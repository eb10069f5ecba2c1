"""`python -m tools.site`: the site of `results/`, whole, in the folder `site`.

MkDocs with Material makes the frame, search and both colour schemes; it is not installed with the
project (`pip install mkdocs-material`, or `make site`). Ends with 1 where a link leads nowhere.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from conformance.fixtures.load import load_suite
from tools.results import stored
from tools.results.recipes import ROOT
from tools.site import links
from tools.site.pages import Page, Site
from tools.site.standings import board

MKDOCS = "MKDOCS"  # a Python that has it, if this one has not
SITE = ROOT / "site"
_FRAME = "---\ntitle: {title}\nhide: [navigation, toc]\n---\n"


def write(pages: Iterable[Page], folder: Path) -> int:
    """The pages as MkDocs takes them, with frames and contents apart; how many there are."""
    shutil.rmtree(folder, ignore_errors=True)
    assets = Path(__file__).with_name("assets")
    shutil.copytree(assets, folder / "docs" / "assets")
    count = 0
    for page in pages:
        count += 1
        name = page.path.removesuffix(".html")
        frame, content = folder / "docs" / f"{name}.md", folder / "contents" / f"{name}.html"
        for path, text in ((frame, _FRAME.format(title=page.title)), (content, page.content)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return count


def main() -> int:
    """Make the site, and look at its links."""
    parser = argparse.ArgumentParser(prog="python -m tools.site", description=__doc__)
    parser.add_argument("--results", type=Path, default=stored.RESULTS, metavar="DIR")
    options = parser.parse_args()
    started = time.monotonic()
    suite = load_suite()
    count = write(Site(board(suite, stored.read_all(options.results))).pages(), ROOT / "build/site")
    made = time.monotonic()
    python = os.environ.get(MKDOCS, sys.executable)
    done = subprocess.run(
        [python, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", "tools/site/mkdocs.yml"],
        cwd=ROOT, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    if done.returncode:
        return 1
    framed = time.monotonic()
    broken = links.broken_in(SITE)
    for line in broken[:20]:
        print(line)
    print(
        f"{count} pages in {time.monotonic() - started:.0f} s (contents {made - started:.0f}, "
        f"frames {framed - made:.0f}), {len(broken)} broken links: {SITE / 'index.html'}"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
