"""Freeze the cases that count for each dialect: `python -m tools.freeze 0.2`, once a release.

It writes fixtures/releases/0.2.yaml, which `run --set 0.2` judges by. A set that is there is never
written again: ports pin it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from conformance import __version__
from conformance.capture.writing import marks, unconfirmed
from conformance.engine.frozen import FrozenFile
from conformance.fixtures.frozen import FOLDER, frozen
from conformance.fixtures.load import load_suite
from conformance.fixtures.shipped import fixtures_folder

HEAD = """\
# The cases that count for each dialect in the set {name}, made by `python -m tools.freeze {name}`.
# Ports pin it with `run --set {name}`: it does not change.
"""


def text(made: FrozenFile) -> str:
    """The set as YAML, a case a line."""
    lines = [f"set: '{made.set}'", f"suite: {made.suite}", "groups:"]
    for group in made.groups:
        lines += [f"- dialects: [{', '.join(group.dialects)}]", "  cases:"]
        lines += [f"  - {case}" for case in group.cases]
    return HEAD.format(name=made.set) + "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", help="of the set: the release of the suite, such as 0.2")
    name = parser.parse_args(arguments).name
    suite = load_suite(root)
    path = (root or fixtures_folder()) / FOLDER / f"{name}.yaml"
    if path.exists():
        parser.error(f"{path} is there: ports pin it; freeze another one")
    if open_marks := list(marks(unconfirmed(suite))):
        parser.error("\n".join(["take the marks off first:", *open_marks]))
    made = frozen(suite, name, __version__)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text(made), encoding="utf-8")
    print(f"written: {path}: {sum(len(group.cases) for group in made.groups)} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
