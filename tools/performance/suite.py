"""The suite itself: how soon it starts, how many cases a second, and how time grows with cases."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance.benchmarks.pairs import ratios, spread
from conformance.engine.runner import HOSTILE, Run
from conformance.engine.suite import Suite
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.fixtures.read import read_suite
from conformance.transport import served
from tools.performance.figures import Figure, least, most, per_second
from tools.performance.used import Used, used

DIALECT = "mlx-lm-0.32"
COMMAND = [sys.executable, "-m", "conformance", "run"]
FIRST = "state.get.fresh"
REPLICATED = ("indexing", "sequence-metadata", "copy", "batch-size", "identity")
TOO_LARGE = 1 << 20  # of a mask, which is then what takes the time


def starting(rounds: int) -> Iterator[Figure]:
    """From the start of the process to the verdict on the first case; and loading alone."""
    spent = [_until_first_verdict() for _ in range(rounds + 1)][1:]
    yield most("start to the first verdict", spread(spent), 0.3, " s")
    code = ("import time; from conformance.fixtures.load import load_suite; "
            "t = time.perf_counter(); load_suite(); print(time.perf_counter() - t)")  # fmt: skip
    loads = [1000 * float(subprocess.check_output([sys.executable, "-c", code]))
             for _ in range(rounds)]  # fmt: skip
    yield most("loading all fixtures, warm", spread(loads), 150, " ms")


def _until_first_verdict() -> float:
    started = time.perf_counter()
    process = subprocess.Popen([*COMMAND, "--case", FIRST], stdout=subprocess.PIPE)
    assert process.stdout is not None
    seen = b"\n"
    while seen == b"\n":  # an empty line, then the sum of what was judged
        seen = process.stdout.read(1)
    spent = time.perf_counter() - started
    process.stdout.read()
    if process.wait() or not seen.isdigit():
        raise RuntimeError(f"the run of one case failed; it began with {seen!r}")
    return spent


def scripted(suite: Suite) -> list[str]:
    """Cases that are neither hostile nor about files, nor make a tensor of many megabytes."""
    found = []
    for case in suite.cases.values():
        ops = {step.operation.wire for step in case.steps}
        large = any(getattr(step, "n", 0) > TOO_LARGE for step in case.steps)
        if HOSTILE not in case.tags and not ops & {"load", "save", "resave"} and not large:
            found.append(case.id)
    return found


def rates(rounds: int) -> Iterator[Figure]:
    """Cases a second that are planned, carried out and judged, without pytest and with it."""
    suite = load_suite()
    ids = scripted(suite)
    for name, backend, bound in (
        ("in process", "reference", 1500),
        ("over stdio", served("reference", DIALECT), 800),
    ):
        run = Run(suite, backend, DIALECT)
        times, executed = [], 0
        for _ in range(rounds + 1):
            started = time.perf_counter()
            verdicts = [run.verdict(suite.cases[identity]) for identity in ids]
            times.append(time.perf_counter() - started)
            executed = sum(verdict.status is Status.PASS for verdict in verdicts)
        run.close()
        yield least(f"scripted cases {name}", per_second(executed, times[1:]), bound, " a second",
                    note=f"{executed} cases executed")  # fmt: skip


def growth(factors: Sequence[int]) -> Iterator[Figure]:
    """Time and memory against cases, with the cases of some chapters replicated."""
    program = served("reference", DIALECT)
    with tempfile.TemporaryDirectory() as folder:
        roots = [replicate(Path(folder) / str(factor), factor) for factor in factors]
        for where, backend in (("in process", "reference"), ("over stdio", program)):
            runs = [whole_run(backend, DIALECT, "--fixtures", str(root)) for root in roots]
            yield from _grown(where, factors, runs)


def _grown(
    where: str, factors: Sequence[int], runs: Sequence[tuple[int, Used]]
) -> Iterator[Figure]:
    (fewest, first), (fewer, before), (count, last) = runs[0], runs[-2], runs[-1]
    rate = (count - fewest) / (last.seconds - first.seconds)
    sizes = "; ".join(run.words(cases) for cases, run in runs)
    yield Figure(f"whole runs through pytest {where}, cases a second beyond the start",
                 f"{rate:.0f}",
                 note=f"{sizes}; reading and checking that many fixtures included")  # fmt: skip
    more = math.log(count / fewer)
    span = f"{factors[-2]} to {factors[-1]} times the cases {where}"
    # Of processors: a clock also counts what else the machine does.
    power = math.log(last.processor / before.processor) / more
    yield Figure(f"exponent of the time, {span}", f"{power:.3f}", "at most 1.1", power <= 1.1)
    each = 1024 * (last.megabytes - before.megabytes) / (count - fewer)
    power = math.log(last.megabytes / before.megabytes) / more
    yield Figure(f"exponent of the memory, {span}", f"{power:.3f}", "at most 1.1", power <= 1.1,
                 note=f"{each:.1f} KB a case")  # fmt: skip


def replicate(root: Path, factor: int) -> Path:
    """A folder of fixtures with every case of some chapters so many times."""
    source = read_suite().root
    chapters = root / "chapters"
    chapters.mkdir(parents=True)
    for name in REPLICATED:
        text = (source / "chapters" / f"{name}.yaml").read_text()
        head, cases = text.split("\ncases:\n", 1)
        for number in range(factor):
            renamed = re.sub(r"^- id: (\S+)$", rf"- id: \1-copy{number}", cases, flags=re.MULTILINE)
            more = (
                head
                if number == 0
                else re.sub(
                    r"^requirements:\n.*", "requirements: []", head, flags=re.MULTILINE | re.DOTALL
                )
            )
            (chapters / f"{name}-{number}.yaml").write_text(f"{more}\ncases:\n{renamed}")
    return root


def whole_run(backend: str, dialect: str, *options: str) -> tuple[int, Used]:
    """How many cases a backend passed, all that there are, and what that took."""
    run = used([*COMMAND, "--quiet", "--backend", backend, "--dialect", dialect, *options])
    found = re.search(r"^(\d+) passed, 0 failed", run.said, flags=re.MULTILINE)
    if run.code or not found:
        raise RuntimeError(run.said[-2000:])
    return int(found[1]), run


def two_processes(profile: str, rounds: int) -> Iterator[Figure]:
    """One process against two on the laws and drawn sequences."""
    one, two = [], []
    for _ in range(rounds):
        one.append(_properties(profile))
        two.append(_properties(profile, "--", "-n", "2"))
    yield least(f"two processes, {profile} properties: times as fast as one", ratios(one, two), 1.6)


def _properties(profile: str, *more: str) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        [*COMMAND, "--quiet", "--dialect", DIALECT, "--properties", profile, "--seed", "1",
         "-k", "test_property or state.get.fresh", *more],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return time.perf_counter() - started
