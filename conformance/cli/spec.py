"""`spec`: the specification, a chapter or one requirement, as Markdown; as a dialect has it."""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance.fixtures.load import load_suite
from conformance.reporting.specification import Specification


def configure(parser: argparse.ArgumentParser) -> None:
    what = "a chapter, requirement or hazard; without one, the index"
    parser.add_argument("name", nargs="?", metavar="NAME", help=what)
    parser.add_argument("--dialect", help="only what applies to it, with what its cases demand")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write all pages there instead")


def run(options: argparse.Namespace) -> int:
    suite = load_suite()
    dialect = suite.dialect(options.dialect) if options.dialect else None
    spec = Specification(suite, dialect=dialect)
    if options.out is not None:
        if options.name is not None:
            raise ValueError("--out writes all pages: leave the name out")
        write(spec, options.out)
    else:
        print(spec.named(options.name) if options.name else spec.index(), end="")
    return 0


def write(spec: Specification, folder: Path) -> None:
    """The index in a folder, which is made where there is none, and a page a chapter below it."""
    for name, text in spec.pages():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ValueError(f"--out {folder}: {error.strerror}") from error
        print(path)
