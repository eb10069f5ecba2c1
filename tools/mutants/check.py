"""`check`: do the cases notice every wrong backend?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.progress import progress
from conformance.engine.runner import parse_shard
from conformance.fixtures.load import load_suite
from tools.mutants import matching, mutants
from tools.mutants.drawn import CHOICE, FILE_CHOICES, catch_all, encoded, stored
from tools.mutants.kills import Terms, examine
from tools.mutants.matrix import matrix
from tools.pages.mutants import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.engine.suite import Suite
    from conformance.mutants.mutant import Mutant
    from tools.mutants.matrix import Matrix

_FAILED = 1

DESCRIPTION = (
    "Has every mutant face the cases of its dialect, and says which requirements kill it. Exit "
    "code 1 when one survives, or when the cases of a MUST kill none."
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these (* matches)")
    parser.add_argument("--stdio", action="store_true", help="each in a process of its own")
    parser.add_argument("--first", action="store_true", help="stop at the first case that kills")
    parser.add_argument(
        "--properties", action="store_true", help="what is drawn, instead of the cases"
    )
    parser.add_argument("--shard", metavar="I/N", help="only the I-th of N equal parts")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes; default: processors")
    parser.add_argument("--markdown", metavar="FILE", help="write the page about all mutants")
    parser.add_argument("--json", metavar="FILE", help="write which cases kill which mutant")


def run(options: argparse.Namespace) -> int:
    if options.jobs is not None and options.jobs < 1:
        raise ValueError(f"--jobs {options.jobs}: write a number from 1 on")
    chosen = matching(options.names)
    if options.shard:
        index, count = parse_shard(options.shard)
        chosen = chosen[index - 1 :: count]
    if not chosen:
        raise ValueError(f"--shard {options.shard}: none of the mutants is in that part")
    whole = len(chosen) == len(mutants()) and not (options.first or options.properties)
    if options.markdown and not whole:
        raise ValueError(
            "--markdown is about all mutants and all cases: leave the other options out"
        )
    suite = load_suite()
    if options.properties:
        return _properties(suite, chosen, options)
    with progress(len(chosen), "mutants") as step:
        kills = examine(suite, chosen, Terms(options.stdio, options.first), options.jobs, step)
    found = matrix(suite, chosen, kills, whole)
    if options.first:
        lines = [f"{mutant.name} ({mutant.dialect}) survives" for mutant in found.survivors()]
    else:
        lines = list(found.problems())
    for line in lines:
        print(line)
    _last_line(found, options.stdio)
    if options.markdown:
        Path(options.markdown).write_text(page(found, stored()), encoding="utf-8")
    if options.json:
        Path(options.json).write_text(json.dumps(found.plain(), indent=1) + "\n", encoding="utf-8")
    return _FAILED if lines else 0


def _properties(suite: Suite, chosen: Sequence[Mutant], options: argparse.Namespace) -> int:
    if options.stdio or options.first:
        raise ValueError("--properties goes without --stdio and --first")
    with progress(len(chosen), "mutants") as step:
        found = catch_all(suite, chosen, options.jobs, step)
    for name, caught in found.items():
        print(f"{name}: {caught.words}")
    told, apart = sum(map(bool, found.values())), sum(bool(c.apart) for c in found.values())
    print(f"{told} of {len(found) - apart} mutants caught by properties alone, {CHOICE.words}; "
          f"of files the profile default, each of {len(FILE_CHOICES)} seeds")  # fmt: skip
    if apart:
        print(f"{apart} more need a file that no content makes")
    if options.json:
        Path(options.json).write_text(encoded(found), encoding="utf-8")
    return 0


def _last_line(found: Matrix, stdio: bool) -> None:
    count = len(found.rows)
    killed = count - len(found.survivors())
    faced = sum(row.kills.faced for row in found.rows)
    where = "over stdio" if stdio else "in process"
    print(f"{killed} of {count} mutants killed by cases alone, {where}, {faced} cases run")
