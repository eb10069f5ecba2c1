"""`python -m tools.prose [PATH ...]`: what the rules find in all texts, or in some."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tools.prose.rules import problems
from tools.prose.texts import all_texts

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 where a rule is broken."""
    found = read = 0
    for text in all_texts(ROOT):
        if arguments and not text.place.startswith(tuple(arguments)):
            continue
        read += 1
        for problem in problems(text.words):
            found += 1
            print(f"{text.place}: {problem.rule}: {problem.words!r}: {problem.instead}")
    print(f"{read} texts, {found} problems", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
