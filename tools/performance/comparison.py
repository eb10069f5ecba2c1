"""Cases a second of this suite, of Bowtie and of array-api-tests, in turn on one machine.

    python -m tools.performance.comparison FOLDER [--rounds 5]

FOLDER has what is compared with, made once (Python 3.13 for Bowtie, any for the other):

    python3.13 -m venv FOLDER/bowtie && FOLDER/bowtie/bin/pip install bowtie-json-schema jsonschema
    git clone https://github.com/json-schema-org/JSON-Schema-Test-Suite FOLDER/json-schema
    python3 -m venv FOLDER/arrays && FOLDER/arrays/bin/pip install array-api-strict pytest \\
        pytest-json-report hypothesis ndindex numpy
    git clone --recursive https://github.com/data-apis/array-api-tests FOLDER/array-api-tests

Bowtie runs draft 7 on jsonschema in its own process; it counts 257 cases, which hold 927 instances
with a verdict each. Of array-api-tests every test draws one example, the fewest that it can. Times
are of whole processes, start and report included.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from conformance.transport import served
from tools.performance.suite import whole_run
from tools.performance.used import Used, used

DIALECT = "mlxrs-0.1"


def ours(stdio: bool) -> Callable[[Path], tuple[Used, int]]:
    """This suite on its reference, in this process or over stdio."""

    def judged(_: Path) -> tuple[Used, int]:
        backend = served("reference", DIALECT) if stdio else "reference"
        count, found = whole_run(backend, DIALECT)
        return found, count

    return judged


def bowtie(folder: Path) -> tuple[Used, int]:
    """Draft 7 in process; instances are counted, as each has a verdict."""
    command = ["bowtie/bin/bowtie", "suite", "-i", "direct:python-jsonschema",
               "json-schema/tests/draft7"]  # fmt: skip
    found = used([str(folder / command[0]), *command[1:]], folder)
    reports = [json.loads(line) for line in found.said.splitlines() if line.startswith("{")]
    return found, sum(len(each["case"]["tests"]) for each in reports if "case" in each)


def array_api(folder: Path) -> tuple[Used, int]:
    """All tests of array-api-strict, with one example each."""
    command = [str(folder / "arrays/bin/python"), "-m", "pytest", "-q", "array_api_tests",
               "--max-examples", "1", "-p", "no:cacheprovider"]  # fmt: skip
    module = {"ARRAY_API_TESTS_MODULE": "array_api_strict"}
    found = used(command, folder / "array-api-tests", module)
    passed = re.search(r"(\d+) passed", found.said)
    if passed is None:
        raise RuntimeError(found.said[-2000:])
    return found, int(passed[1])


RUNS = {
    "this suite, in process": ours(stdio=False),
    "this suite, over stdio": ours(stdio=True),
    "Bowtie, draft 7 on jsonschema (instances)": bowtie,
    "array-api-tests on array-api-strict (tests)": array_api,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.performance.comparison")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    found: dict[str, list[tuple[Used, int]]] = {name: [] for name in RUNS}
    for _ in range(options.rounds):  # in turn: what else the machine does hits all of them
        for name, run in RUNS.items():
            found[name].append(run(options.folder.resolve()))
    print("| | cases | seconds | of processors | MB | cases a second |\n|---|--:|--:|--:|--:|--:|")
    for name, runs in found.items():
        count = runs[0][1]
        seconds = statistics.median(each.seconds for each, _ in runs)
        processor = statistics.median(each.processor for each, _ in runs)
        most = max(each.megabytes for each, _ in runs)
        rate = f"{count / seconds:.0f} ({count / processor:.0f} a second of processors)"
        print(f"| {name} | {count} | {seconds:.2f} | {processor:.2f} | {most:.0f} | {rate} |")


if __name__ == "__main__":
    main()
