"""`python -m tools.pages`: write the generated pages anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance.benchmarks import report
from conformance.fixtures.load import load_suite
from tools.pages import cache_files, damaged_files, protocol, specification
from tools.pages.mutants import violators

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _specification() -> str:
    suite = load_suite()
    return specification.page(suite, violators(suite))


def _on_cuda() -> str:
    """What `bench --device gpu --report docs/performance/cuda.json` wrote on a machine with one."""
    return report.rendered(report.read(DOCS / "performance" / "cuda.json"), "markdown")


PAGES = {
    "spec": (DOCS / "SPEC.md", _specification),
    "protocol": (DOCS / "protocol.md", protocol.page),
    "prompt-cache-files": (DOCS / "prompt-cache-files.md", cache_files.page),
    "cuda": (DOCS / "performance" / "cuda.md", _on_cuda),
    "damaged-files": (DOCS / "damaged-files.md", damaged_files.page),
}


def main() -> None:
    """Write the pages that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tools.pages", description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"of {', '.join(PAGES)}")
    for name in parser.parse_args().pages or PAGES:
        if name not in PAGES:
            parser.error(f"no page is called {name!r}; there are {', '.join(PAGES)}")
        path, made = PAGES[name]
        path.write_text(made(), encoding="utf-8")


if __name__ == "__main__":
    main()
