"""`bench`: how fast a backend is, against another one and against the limit, within one run."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from conformance import __version__
from conformance.benchmarks.limits import device_name
from conformance.benchmarks.machine import machine
from conformance.benchmarks.operations import benchmarks
from conformance.benchmarks.pairs import Row, compare, untimed
from conformance.benchmarks.plot import check, draw
from conformance.benchmarks.report import Timings, Who, format_of, rendered
from conformance.benchmarks.table import table
from conformance.cli.progress import progress
from conformance.engine.dialect import dialect_named
from conformance.fixtures.dialects import default_dialect, read_dialects
from conformance.suggestions import did_you_mean
from conformance.transport import DEVICES, connect
from conformance.transport.backend import BackendTrouble, BackendUnusable
from conformance.transport.causes import Unusable
from conformance.transport.restarting import RestartingBackend

if TYPE_CHECKING:
    from conformance.benchmarks.benchmark import Benchmark
    from conformance.transport.backend import Backend

_NOTHING_TIMED = 1
_NAMED = 5  # rows, in a line about many
_LEAST = 0.02  # seconds for a row, however many are to come

DESCRIPTION = (
    "Time the operations of two backends in turn, at the sizes of real models. Ratios are medians "
    "of pairs within this run, with quartiles; a row ends as soon as these are near each other, "
    "and small sizes come first. The limit is a plain copy of the same bytes on the backend's "
    "device, the bare mask expression, or one pass over the text. Exit code 0 when something was "
    "timed, 1 when nothing was, 2 for bad use."
)
OPENS = ("backend", "against")  # backends that are opened in this process


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", default="reference", help="as for run")
    parser.add_argument("--against", metavar="BACKEND", help="the other one; default: the limits")
    parser.add_argument("--dialect", help="what the reference follows; default: mlxrs-0.1")
    parser.add_argument(
        "--op", action="append", default=[], metavar="OPERATION", help="only this one"
    )
    parser.add_argument(
        "--max-size", type=float, metavar="N", help="only sizes up to N bytes, slots or positions"
    )
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="for each row, at most about (default 1)"
    )
    parser.add_argument(
        "--within", type=float, default=90.0, metavar="SECONDS",
        help="for all rows together; what is then left is named (default 90)",
    )  # fmt: skip
    parser.add_argument("--device", choices=DEVICES, default="", help="where backends compute")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write bench.json, bench.svg and bench.png there"
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write the timings: .json, .md or .html"
    )
    parser.add_argument("--no-plot", action="store_true", help="with --out: the JSON only")


def run(options: argparse.Namespace) -> int:
    chosen = _chosen(options)
    dialect = options.dialect or default_dialect()
    dialect_named(dialect, read_dialects())
    _check_out(options)
    with contextlib.ExitStack() as stack:
        live = [
            stack.enter_context(contextlib.closing(_opened(spec, dialect, options.device)))
            for spec in (options.backend, options.against)
            if spec is not None
        ]
        for spec, backend in zip((options.backend, options.against), live, strict=False):
            if "measure" not in backend.handshake.capabilities:
                raise BackendUnusable(
                    Unusable.MISSING_CAPABILITY,
                    f"{spec} declares no measure: its adapter has to time operations itself "
                    "(docs/protocol.md)",
                )
        who = [backend.handshake.implementation for backend in live]
        names = [f"{each.name} {each.version}".strip() for each in who]
        against = names[1] if len(names) > 1 else None
        console = Console(width=None if sys.stdout.isatty() else 120)
        chosen, missing = _declared(chosen, live[0])
        pace = Pace(options.seconds, options.within, len(chosen))
        rows = timed(chosen, live, pace)
        for op, found in groupby(rows, key=lambda row: row.op):
            console.print(table(op, list(found), names[0], against))
    if missing:
        print(f"not timed, as {names[0]} does not declare them: {', '.join(missing)}")
    if pace.left:
        print(f"not timed within {options.within:g} s: {pace.left} of {len(chosen)}; --within or "
              "--op for the rest")  # fmt: skip
    noisy = [f"{row.op}-{row.name}" for row in rows if row.noisy]
    if noisy:
        print(f"too noisy to tell, as other programs were busy: {len(noisy)} of {len(rows)} rows "
              f"({', '.join(noisy[:_NAMED])}{', ...' if len(noisy) > _NAMED else ''})")  # fmt: skip
    if rows and (options.out or options.report):
        specs = (options.backend, options.against)
        sides = [
            Who(spec, name, each.device)
            for spec, name, each in zip(specs, names, who, strict=False)
        ]
        accelerator = device_name(who[0].computes_on) if who[0].accelerated else ""
        timings = Timings(__version__, machine(accelerator), sides[0], (*sides, None)[1], rows)
        print(f"written: {', '.join(map(str, _written(options, timings)))}")
    if not any(row.backend.seconds for row in rows):
        print("nothing was timed")
        return _NOTHING_TIMED
    return 0


def _opened(spec: str, dialect: str, device: str) -> RestartingBackend:
    """The backend, which is started anew when it is lost over a row."""
    return RestartingBackend(lambda: connect(spec, dialect, device=device)).open()


def _chosen(options: argparse.Namespace) -> list[Benchmark]:
    """The benchmarks that the options name; ValueError for one that there is not."""
    everything = benchmarks()
    known = list(dict.fromkeys(each.op for each in everything))
    for op in options.op:
        if op not in known:
            near = did_you_mean(op, known, 1)
            raise ValueError(f"--op {op}: the operations are {', '.join(known)}{near}")
    if not 0 < options.seconds <= 3600:
        raise ValueError(f"--seconds {options.seconds:g}: write a number above 0, at most 3600")
    if not 0 < options.within <= 86400:
        raise ValueError(f"--within {options.within:g}: write a number above 0, at most 86400")
    most = float("inf") if options.max_size is None else options.max_size
    chosen = [x for x in everything if x.size <= most and (not options.op or x.op in options.op)]
    if not chosen:
        raise ValueError(f"--max-size {most:g}: nothing is as small as that")
    return chosen


def _declared(
    chosen: list[Benchmark], backend: RestartingBackend
) -> tuple[list[Benchmark], list[str]]:
    """What a backend declares of it, and the operations that it does not."""
    capabilities = set(backend.handshake.capabilities)
    missing = dict.fromkeys(each.op for each in chosen if not each.needs <= capabilities)
    return [each for each in chosen if each.op not in missing], list(missing)


def _check_out(options: argparse.Namespace) -> None:
    """What would fail at the end fails at the beginning."""
    if options.report is not None:
        format_of(options.report)
        if not options.report.absolute().parent.is_dir():
            raise ValueError(
                f"--report {options.report}: there is no folder {options.report.absolute().parent}"
            )
    if options.out is None:
        return
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--out {options.out}: {error.strerror}") from None
    if not options.no_plot:
        check()


class Pace:
    """How long each row may take, so that all end in time; what is `left` when they did not."""

    def __init__(self, seconds: float, within: float, rows: int) -> None:
        self._most, self._end, self.left = seconds, time.monotonic() + within, rows

    def next(self) -> float | None:
        """The seconds for one more row; None when there is no time left."""
        remaining = self._end - time.monotonic()
        if remaining <= 0:
            return None
        share = max(remaining / self.left, _LEAST)
        self.left -= 1
        return min(self._most, share)


def timed(chosen: list[Benchmark], live: list[RestartingBackend], pace: Pace) -> list[Row]:
    """The rows in the order of the benchmarks, small ones timed first; progress on stderr."""
    rows: dict[str, Row] = {}
    with progress(len(chosen), "starting") as step:
        for each in sorted(chosen, key=lambda each: each.size):
            seconds = pace.next()
            if seconds is None:
                break
            step(each.id, 0)
            rows[each.id] = _row(each, live, seconds)
            step(each.id, 1)
    return [rows[each.id] for each in chosen if each.id in rows]


def _row(benchmark: Benchmark, live: list[RestartingBackend], seconds: float) -> Row:
    """One row; a backend that was lost over it is started anew for the next one."""
    try:
        first, second = live[0].backend, live[1].backend if len(live) > 1 else None
    except BackendTrouble as trouble:  # it does not even start again
        return untimed(benchmark, str(trouble), len(live) > 1)

    def lost(backend: Backend) -> None:
        for session, opened in zip(live, (first, second), strict=False):
            if opened is backend:
                session.drop()

    return compare(benchmark, first, second, seconds, lost)


def _written(options: argparse.Namespace, timings: Timings) -> list[Path]:
    """The files that the options ask for."""
    files = {}
    if options.report:
        files[options.report] = rendered(timings, format_of(options.report))
    if options.out:
        files[options.out / "bench.json"] = rendered(timings, "json")
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    if not options.out or options.no_plot:
        return list(files)
    pictures = [options.out / "bench.svg", options.out / "bench.png"]
    names = [side.name for side in timings.sides]
    about = timings.machine
    title = f"{' against '.join(names)}: {about['cpu']}, {about['cores']} cores"
    draw(timings.rows, dict(zip(("backend", "against"), names, strict=False)), title, pictures)
    return [*files, *pictures]
