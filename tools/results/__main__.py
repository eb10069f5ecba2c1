"""`python -m tools.results`: run the suite on real implementations and keep what came of it.

    python -m tools.results                       # what is not of these fixtures yet
    python -m tools.results mlx-lm-0.32.2 --again # this one, whatever there is
    python -m tools.results --list
    python -m tools.results --take REPORT.json --as mlx-swift-lm-3.31.4 --platform "Linux x86_64"

A run that another machine made is taken with `--take`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from conformance.engine.suite import Suite
from conformance.fixtures.digest import digest
from conformance.fixtures.load import load_suite
from conformance.fixtures.userfile import FixtureError
from conformance.reporting import json_report
from tools.results import stored
from tools.results.recipes import ROOT, Recipe, command, recipes
from tools.site.pages import picture
from tools.site.standings import board


def main() -> int:
    """Exit code 1 where a run came to no verdicts; what a machine lacks is named."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.results",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="of those that --list names")
    parser.add_argument(
        "--again", action="store_true", help="also those that are of these fixtures"
    )
    parser.add_argument("--list", action="store_true", help="name what is run, and where it stands")
    parser.add_argument(
        "--take", type=Path, metavar="REPORT", help="keep a report of another machine"
    )
    parser.add_argument("--as", dest="name", metavar="NAME", help="under this name")
    parser.add_argument(
        "--platform", default="", help="where it ran, if the report does not say so"
    )
    parser.add_argument("--shown", default="", metavar="BACKEND", help="without its folder")
    parser.add_argument("--date", default="", help="when it ran, if the report does not say so")
    options = parser.parse_args()
    if options.take:
        if not options.name:
            parser.error("--take REPORT: say under which name with --as NAME")
        taken = json_report.read(options.take)
        changes = {
            "platform": taken.platform or options.platform,
            "date": taken.date or options.date,
            "backend": options.shown or taken.backend,
        }
        _keep(options.name, msgspec.structs.replace(taken, **changes))
        _picture(load_suite())
        return 0
    suite = load_suite()
    now = digest(suite.root)
    known = {recipe.name: recipe for recipe in recipes(suite)}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"nothing is called {unknown[0]!r}; there are {', '.join(known)}")
    failed = 0
    for recipe in (known[name] for name in options.names or known):
        state = "of these fixtures" if _fixtures(recipe.name) == now else "to be run"
        if options.list:
            print(f"{recipe.name}: {recipe.missing or state}")
        elif recipe.missing:
            print(f"not run: {recipe.name}, {recipe.missing}")
        elif state == "to be run" or options.again:
            failed += not _run(recipe)
    if not options.list:
        _picture(suite)
    return min(failed, 1)


def _picture(suite: Suite) -> None:
    """The board in small, for the README."""
    made = picture(board(suite, stored.read_all()))
    (ROOT / "docs" / "board.svg").write_text(made, encoding="utf-8")


def _fixtures(name: str) -> str:
    """Of which fixtures the result is that there is; empty for none, and for one that is broken."""
    try:
        return stored.read(stored.RESULTS / f"{name}.json").fixtures
    except FixtureError:
        return ""


def _run(recipe: Recipe) -> bool:
    if recipe.build:
        built = subprocess.run(recipe.build, shell=True, cwd=recipe.folder, capture_output=True,
                               text=True, check=False)  # fmt: skip
        if built.returncode:
            print(f"{recipe.name}: {recipe.build}: {built.stderr[-2000:]}", file=sys.stderr)
            return False
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        done = subprocess.run(
            command(recipe, path), cwd=ROOT, capture_output=True, text=True, check=False,
            env={**os.environ, **recipe.variables},
        )  # fmt: skip
        last = (done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or [""])[-1]
        print(f"{recipe.name}: {last}", flush=True)
        if not path.exists():
            print(done.stderr[-2000:], file=sys.stderr)
            return False
        report = json_report.read(path)
    if recipe.shown:
        report = msgspec.structs.replace(report, backend=recipe.shown)
    _keep(recipe.name, report)
    return True


def _keep(name: str, report: json_report.ReportFile) -> None:
    path = stored.RESULTS / f"{name}.json"
    stored.write(path, report)
    print(f"  {path.relative_to(ROOT)}: {path.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    raise SystemExit(main())
