"""Tries mutmut's changes one after the other in one process, which collects the suite once.

    python -m tools.mutation.one_process 'reference_impl.slots.rules.*' --seconds 10

`mutmut run` starts pytest for every change, and pytest collects thousands of cases each time, ten
seconds where a test takes a hundredth. Here a change is tried with the tests that reach its
function, those first that noticed other changes of it, until one notices it or they have taken
`--seconds` of the processor: what is not noticed by then counts as a survivor. The results stand
where mutmut keeps its own, so that tools.mutation.report reads them.

What is reached on import alone is tried with the reference imported anew, by the tests of its
module. What the reference keeps from one call to the next is not changed here.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from mutmut.__main__ import create_mutants
from mutmut.mutation import trampoline
from mutmut.mutation.data import SourceFileMutationData
from mutmut.state import state
from mutmut.utils.file_utils import (
    copy_also_copy_files,
    copy_src_dir,
    setup_source_paths,
    walk_mutatable_files,
)
from mutmut.utils.format_utils import mangled_name_from_mutant_name

from tools.mutation.conftest import forget_reference

TREE = Path("mutants")
RESULTS = "one_process.jsonl"  # a line when a change is begun, and one when it is decided
REACHED = "one_process_reached.json"  # function -> the tests that reach it
KILLED, SURVIVED, NO_TESTS, TIMEOUT, DIED = 1, 0, 33, 36, -11  # as mutmut says it
SUITES = [f"tools/mutation/{name}.py" for name in ("suite", "suite_files", "suite_variants")]
HANGS = 20  # seconds of one test
CALMLY = (
    "-q", "--no-header", "--no-summary", "--tb=line", "--show-capture=no", "--assert=plain",
    "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:benchmark", "-p", "no:timeout",
    "-p", "no:unraisableexception",
)  # fmt: skip


class Hanging(Exception):
    """A test takes longer than any may."""


class Trying:
    """A plugin of pytest that runs the collected tests once for every change."""

    def __init__(self, keys: list[str], seconds: float) -> None:
        self._keys = keys
        self._seconds = seconds
        self._active = ""
        self._failed = False
        self._hung = False
        self._took: dict[str, float] = {}
        self._on_import: list[str] = []  # functions that nothing reaches later
        self._modules: set[Any] = set()
        self._noticed: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        trampoline.get_mutant_under_test = lambda: self._active

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        tests = {item.nodeid: item for item in session.items}
        self._modules = {getattr(item, "module", None) for item in session.items}
        reached = self._reached(tests)
        with Path(RESULTS).open("a", encoding="utf-8") as results:
            for key in self._keys:
                print(json.dumps({"key": key}), file=results, flush=True)
                start = time.monotonic()
                code = self._try(key, reached, tests)
                line = {"key": key, "code": code, "seconds": time.monotonic() - start}
                print(json.dumps(line), file=results, flush=True)
        return True

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed |= report.failed

    def _reached(self, tests: dict[str, pytest.Item]) -> dict[str, list[str]]:
        """Function -> the tests that reach it. One that fails without a change is left out."""
        if (kept := Path(REACHED)).exists():
            of, self._took, self._on_import, found = json.loads(kept.read_text(encoding="utf-8"))
            if of == list(tests):
                return dict(found)
        reached: dict[str, list[str]] = defaultdict(list)
        later: set[str] = set()  # reached by a test that imports nothing
        for name, item in tests.items():
            state()._stats.clear()  # noqa: SLF001
            self._active = "stats"
            start, modules = time.process_time(), len(sys.modules)
            if not self._passes(item):
                print(f"{name} fails without a change, and is left out", file=sys.stderr)
                continue
            self._took[name] = time.process_time() - start
            hit = state()._stats  # noqa: SLF001
            if len(sys.modules) == modules:
                later |= hit
            for function in hit:
                reached[function].append(name)
        self._on_import = sorted(reached.keys() - later)
        for function in self._on_import:
            module = function.rpartition(".")[0]
            near = [names for other, names in reached.items() if other.rpartition(".")[0] == module]
            reached[function] = sorted({name for names in near for name in names})
        text = json.dumps([list(tests), self._took, self._on_import, reached])
        kept.write_text(text, encoding="utf-8")
        return reached

    def _try(self, key: str, reached: dict[str, list[str]], tests: dict[str, pytest.Item]) -> int:
        function = mangled_name_from_mutant_name(key)
        of_module = self._noticed[function.rpartition(".")[0]]
        told = self._noticed[function]
        names = [name for name in reached.get(function, ()) if name in tests]
        names.sort(key=lambda n: (-told[n], -of_module[n], self._took[n]))
        self._active = key
        anew = function in self._on_import
        if anew:
            forget_reference(self._modules)
        try:
            return self._first_to_notice(key, names, tests)
        finally:
            if anew:
                self._active = ""
                forget_reference(self._modules)

    def _first_to_notice(self, key: str, names: list[str], tests: dict[str, pytest.Item]) -> int:
        function = mangled_name_from_mutant_name(key)
        stop = time.process_time() + self._seconds
        for name in names:
            if not self._passes(tests[name]):
                self._noticed[function][name] += 1
                self._noticed[function.rpartition(".")[0]][name] += 1
                return TIMEOUT if self._hung else KILLED
            if time.process_time() > stop:
                break
        return SURVIVED if names else NO_TESTS

    def _passes(self, item: pytest.Item) -> bool:
        self._failed = self._hung = False
        with self._in_time():
            item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        return not self._failed

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        def end(*_: object) -> None:
            self._hung = True
            raise Hanging

        old = signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, HANGS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)


def work(seconds: float, tests: str) -> int:
    """In `mutants/`: try the changes whose keys stand on stdin, a line each."""
    keys = sys.stdin.read().split()
    return int(pytest.main([*CALMLY, *SUITES, "-k", tests], plugins=[Trying(keys, seconds)]))


def generate() -> None:
    """The tree of changes, as `mutmut run` begins."""
    trampoline.set_mutant_under_test("mutant_generation")
    TREE.mkdir(exist_ok=True)
    copy_src_dir()
    copy_also_copy_files()
    setup_source_paths()
    create_mutants(1)


def wanted(patterns: list[str]) -> dict[str, SourceFileMutationData]:
    """The changes of these functions, with the file that each is of."""
    found = {}
    for path in sorted(walk_mutatable_files()):
        data = SourceFileMutationData(path=path)
        data.load()
        for key in data.exit_code_by_key:
            if any(fnmatchcase(key, pattern) for pattern in patterns):
                found[key] = data
    return found


def decided(lines: list[dict[str, Any]]) -> dict[str, tuple[int, float]]:
    """Key -> exit code and seconds; what was begun and not decided took the process with it."""
    found: dict[str, tuple[int, float]] = {}
    for line in lines:
        found[line["key"]] = line.get("code", DIED), line.get("seconds", 0.0)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.mutation.one_process")
    parser.add_argument("function", nargs="*", default=["*"], help="such as reference_impl.slots.*")
    parser.add_argument("--seconds", type=float, default=10.0, help="of tests for each change")
    parser.add_argument("--tests", default="", help="only these, as pytest's -k")
    parser.add_argument("--again", action="store_true", help="go on with the tree that is there")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(options.seconds, options.tests)
    if not options.again:
        generate()
        for name in (RESULTS, REACHED):
            (TREE / name).unlink(missing_ok=True)
    changes = wanted(options.function)
    command = [
        sys.executable, "-m", "tools.mutation.one_process", "--worker",
        "--seconds", str(options.seconds), "--tests", options.tests,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(TREE.absolute()), "MUTANT_UNDER_TEST": ""}
    done = results()
    while left := [key for key in changes if key not in done]:
        before = len(done)
        text = "\n".join(left)
        code = subprocess.run(
            command, cwd=TREE, env=environment, input=text, text=True, stdout=subprocess.DEVNULL
        ).returncode
        done = results()
        if len(done) == before:
            print(f"no change could be tried; pytest ended with {code}")
            return 2
    for key, (status, seconds) in done.items():
        if key in changes:
            changes[key].exit_code_by_key[key] = status
            changes[key].durations_by_key[key] = seconds
    for data in {id(data): data for data in changes.values()}.values():
        data.save()
    return 0


def results() -> dict[str, tuple[int, float]]:
    """What was decided so far."""
    path = TREE / RESULTS
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return decided([json.loads(line) for line in text.splitlines()])


if __name__ == "__main__":
    sys.exit(main())
