"""`python -m tools.pages`: write the generated pages anew."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from conformance.benchmarks import report
from conformance.fixtures.load import load_suite
from conformance.reporting.specification import FOLDER, Specification
from tools.pages import cache_files, cache_layouts, damaged_files, protocol
from tools.pages.mutants import violators

DOCS = Path(__file__).resolve().parents[2] / "docs"


def specification() -> Iterator[tuple[Path, str]]:
    """The index and a page for each chapter."""
    suite = load_suite()
    for name, text in Specification(suite, violators(suite)).pages():
        yield DOCS / name, text


def _on_cuda() -> str:
    """What `bench --device gpu --report docs/performance/cuda.json` wrote on a machine with one."""
    return report.rendered(report.read(DOCS / "performance" / "cuda.json"), "markdown")


def _one(name: str, made: Callable[[], str]) -> Callable[[], Iterator[tuple[Path, str]]]:
    return lambda: iter([(DOCS / name, made())])


# what is asked for -> the files, and what is in each
PAGES: dict[str, Callable[[], Iterator[tuple[Path, str]]]] = {
    "spec": specification,
    "protocol": _one("protocol.md", protocol.page),
    "prompt-cache-files": _one("prompt-cache-files.md", cache_files.page),
    "prompt-cache-layouts": _one("prompt-cache-layouts.md", cache_layouts.page),
    "cuda": _one("performance/cuda.md", _on_cuda),
    "damaged-files": _one("damaged-files.md", damaged_files.page),
}


def main() -> None:
    """Write the pages that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tools.pages", description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"of {', '.join(PAGES)}")
    for name in parser.parse_args().pages or PAGES:
        if name not in PAGES:
            parser.error(f"no page is called {name!r}; there are {', '.join(PAGES)}")
        written = set()
        for path, text in PAGES[name]():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.add(path)
        if name == "spec":
            for path in set((DOCS / FOLDER).glob("*.md")) - written:
                path.unlink()  # of a chapter that is gone


if __name__ == "__main__":
    main()
