"""The pytest plugin: options, one live backend a process, and the summary.

`pytest --pyargs conformance --backend ...` and `mlx-cache-conformance run` are the same run: the
command only calls pytest. The plugin is there only in a run that asks for the suite (see
pytest_entry_point.py), and decides by the verdicts what comes of it, whatever other plugins make of
the tests.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import threading
import time
from collections.abc import Generator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
import pytest

from conformance.caseitem import ABOUT, VERDICT, CaseItem, carry_out
from conformance.cli.command import say_interrupted
from conformance.cli.options import OPTIONS
from conformance.engine import transfer
from conformance.engine.runner import Run, Terms, parse_shard, select_ids
from conformance.fixtures.frozen import pinned
from conformance.fixtures.load import load_suite
from conformance.fixtures.userfile import FixtureError
from conformance.invocation import NAME
from conformance.patience import checked
from conformance.properties.profiles import MAX_SEED, PROFILES, PropertyChoice
from conformance.properties.result import PartResult
from conformance.reporting import suffixes
from conformance.reporting.identity import hint
from conformance.reporting.summary import About, RunSummary
from conformance.supervision import SUPERVISION, supervise
from conformance.transport.backend import BackendUnusable
from conformance.transport.causes import Unusable

if TYPE_CHECKING:
    from conformance.engine.suite import Suite
    from conformance.engine.verdict import Verdict
    from conformance.properties.profiles import Part, PropertyChoice

RESULT = "mlx-cache-conformance part"
_PACKAGE = Path(__file__).resolve().parent
NOTHING = "no case was executed, which proves nothing"
QUIET = -2  # pytest -qq: failures and the last line


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mlx-cache-conformance", "MLX slot cache conformance")
    for option in OPTIONS:
        group.addoption(f"--{option.pytest_name or option.name}", **option.settings)
    # `run` shows no dots: they are more lines than all that it says.
    group.addoption("--by-command", action="store_true", help=argparse.SUPPRESS)
    # Nothing is asked of pytest itself, and no other plugin is there.
    group.addoption("--cases-alone", action="store_true", help=argparse.SUPPRESS)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """A backend in this process may end it: then a child does the work, and this one looks on."""
    given = config.invocation_params
    alone = not (given.plugins or _distributed(config) or config.option.collectonly)
    if alone and SUPERVISION.needed([config.getoption("backend")]):
        return supervise("pytest", [str(argument) for argument in given.args])
    return None


def pytest_configure(config: pytest.Config) -> None:
    state = _State(config)
    state.settle()
    if not hasattr(config, "workerinput"):
        state.end_on_sigterm()
        # Asking for a backend by name and getting none must end the run before it starts.
        state.prepare(keep=not _distributed(config))
    config.pluginmanager.register(state, "mlx-cache-conformance-state")


def pytest_keyboard_interrupt(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """The word that every command has for it; that a run cannot begin comes by here too."""
    if isinstance(excinfo.value, KeyboardInterrupt):
        say_interrupted()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Benchmarks with --benchmark-only and cases without: neither shows up as skipped."""
    if not collection_path.name.startswith("test_") or _PACKAGE not in collection_path.parents:
        return None
    only = bool(config.getoption("benchmark_only", False))
    if collection_path.name == "test_properties.py":
        return True if only or not config.getoption("properties") else None
    return True if (collection_path.parent == _PACKAGE / "benchmarks") != only else None


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str
) -> list[CaseItem] | None:
    """The cases, in the place of the function that stands for them."""
    if name != "test_case" or collector.path != _PACKAGE / "test_cases.py":
        return None
    state = state_of(collector.config)
    return [
        CaseItem.from_parent(collector, name=f"{name}[{case}]", case=case, run=state.run)
        for case in state.selected()
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Cases that run alone are not set up and torn down."""
    if not item.config.getoption("cases_alone"):
        return None
    carry_out(item)
    return True


def _distributed(config: pytest.Config) -> bool:
    return bool(getattr(config.option, "numprocesses", None) or getattr(config.option, "tx", None))


def _terminated(*_: object) -> NoReturn:
    raise KeyboardInterrupt("ended by SIGTERM")


def _terminated_as_before() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


# pytest puts the name of the class in front of the reason: "Exit: " would say nothing.
_Ended = type(NAME, (pytest.exit.Exception,), {})


def _leave(reason: object) -> NoReturn:
    raise _Ended(str(reason), returncode=2)


class _State:
    """What one pytest process knows of the conformance run in it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._run: Run | None = None
        self._started = time.perf_counter()
        self._verdicts: dict[str, Verdict] = {}
        self._results: list[PartResult] = []
        self._about: dict[str, Any] | None = None
        self._made: RunSummary | None = None
        self._quiet = config.option.verbose <= QUIET
        self._plain = self._quiet or config.getoption("by_command")

    def settle(self) -> None:
        """Choose the seed where none is given. Workers get the options, and so the same seed."""
        option = self._config.option
        if option.properties and option.seed is None:
            profile = PROFILES.get(option.properties)
            fixed = profile is None or profile.fixed
            option.seed = 0 if fixed else random.SystemRandom().randint(0, MAX_SEED)

    def end_on_sigterm(self) -> None:
        """By default a run that is told to end is gone at once, and leaves a hung backend."""
        here = threading.current_thread() is threading.main_thread()
        if here and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminated)
            self._config.add_cleanup(_terminated_as_before)

    def prepare(self, keep: bool) -> None:
        """Check all options, opening the backend once; `keep` leaves it open for the cases."""
        self.selected()
        self._check_gates()
        if self._config.getoption("properties"):
            self.parts()
        self.run()
        if not keep:
            self.close()

    def _check_gates(self) -> None:
        """What would turn out to be nonsense only when all cases have run."""
        percent, report = (self._config.getoption(name) for name in ("fail_under", "report"))
        if percent is not None and not 0 <= percent <= 100:  # NaN is neither
            _leave(f"--fail-under {percent:g}: write a share from 0 to 100")
        if report is not None and report.is_dir():
            _leave(f"--report {report}: is a folder")
        if report is not None or self._config.getoption("report_format"):
            self._format()
        if report is not None and not report.absolute().parent.is_dir():
            _leave(f"--report {report}: there is no folder {report.absolute().parent}")

    def _format(self) -> str:
        """In which format the report is written."""
        option = self._config.getoption
        try:
            if option("report") is None:
                raise ValueError("--report-format: of which file? Say --report FILE")
            return suffixes.chosen(option("report"), option("report_format"), "json")
        except ValueError as error:
            _leave(error)

    @cached_property
    def suite(self) -> Suite:
        """The fixtures, read once a process."""
        try:
            suite = load_suite(self._config.getoption("fixtures_dir"))
            name = self._config.getoption("set")
            return pinned(suite, name) if name else suite
        except FixtureError as error:
            _leave(error)

    def run(self) -> Run:
        """The live run of this process."""
        if self._run is None:
            option = self._config.getoption
            try:
                self._run = Run(
                    self.suite,
                    option("backend"),
                    option("dialect"),
                    Terms(
                        option("isolate"),
                        option("require"),
                        option("baseline"),
                        checked("--timeout", option("start_timeout")),
                        option("device") or "",
                    ),
                )
            except BackendUnusable as error:
                nameless = error.cause is Unusable.NO_DIALECT
                _leave("; ".join(filter(None, [str(error), self._hint() if nameless else ""])))
            except (FixtureError, ValueError) as error:
                _leave(error)
        return self._run

    def _hint(self, judged_by: str = "") -> str:
        """Which dialect the backend follows, where no option says by which to judge it."""
        option = self._config.getoption
        try:
            return hint(
                self.suite, option("backend"), Terms(timeout=option("start_timeout")), judged_by
            )
        except BackendUnusable:
            return ""

    def selected(self) -> list[str]:
        """The ids of the cases that the options choose."""
        option = self._config.getoption
        try:
            shard = parse_shard(option("shard")) if option("shard") else None
            return select_ids(self.suite, option("case"), option("tag"), shard)
        except ValueError as error:
            _leave(error)

    def order(self) -> PropertyChoice:
        """What of the properties is asked for."""
        option = self._config.option
        try:
            return PropertyChoice(option.properties, option.seed, option.examples)
        except ValueError as error:
            _leave(error)

    def parts(self) -> list[Part]:
        """The parts of the properties that the options choose."""
        shard = self._config.getoption("shard")
        index, count = parse_shard(shard) if shard else (1, 1)
        order = self.order()
        return order.parts(self.suite.kinds)[index - 1 :: count]

    def close(self) -> None:
        """End the backend, if it was opened."""
        if self._run is not None:
            self._run.close()
            self._run = None

    # ------------------------------------------------------------------ hooks

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        if report.when == "call" and VERDICT in properties:
            self._take(transfer.loaded(str(properties[VERDICT])))
            self._about = msgspec.json.decode(str(properties[ABOUT]))
        if report.when == "call" and RESULT in properties:
            self._results.append(msgspec.json.decode(str(properties[RESULT]), type=PartResult))
            self._about = msgspec.json.decode(str(properties[ABOUT]))

    def _take(self, verdict: Verdict) -> None:
        """Where a plugin has a failed case repeated, it stays a failed case."""
        before = self._verdicts.get(verdict.case)
        if before is None or not before.status.failed:
            self._verdicts[verdict.case] = verdict

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        try:
            SUPERVISION.tell(nodeid.partition("[")[2].rstrip("]") or nodeid)
        except BrokenPipeError:
            _leave("the process that started this run is gone")

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """No dots, but in a pytest run of the user's: what is left is failures and counts."""
        if not self._plain or report.when not in ("call", "setup"):
            return None
        for status in ("passed", "skipped", "failed") if report.when == "call" else ("skipped",):
            if getattr(report, status) and not hasattr(report, "wasxfail"):
                return status, "", status.upper()
        return ("xfailed", "", "XFAIL") if hasattr(report, "wasxfail") else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        if hasattr(self._config, "workerinput"):
            yield
            return
        summary = self._made = self._summary()
        red = summary.red if summary else not self._only_looks()
        self._settle_exit(session, red)
        yield
        self._settle_exit(session, red)  # whatever another plugin made of it
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and summary:
            if summary.fails_much and not self._config.getoption("dialect"):
                summary.hint = self._hint(summary.dialect)
            summary.show(terminal, self._quiet)
        elif terminal is not None and red and session.exitstatus == pytest.ExitCode.TESTS_FAILED:
            terminal.write_line(f"{NOTHING}: this run is a failure", red=True)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, None, None]:
        """Failed cases are shown by cause, not one after the other as pytest has them."""
        if self._made is None:
            yield
            return
        failed = terminalreporter.stats.get("failed", [])
        others = [each for each in failed if VERDICT not in dict(each.user_properties)]
        self._made.show_failures(terminalreporter, self._config.getoption("every_failure"))
        terminalreporter.stats["failed"] = others
        yield
        terminalreporter.stats["failed"] = failed

    def _settle_exit(self, session: pytest.Session, red: bool) -> None:
        green = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if red and session.exitstatus in green:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _only_looks(self) -> bool:
        """Benchmarks or a list instead of cases, asked for on the command line itself."""
        option = self._config.option
        if option.showfixtures or option.show_fixtures_per_test:
            return True
        return "--benchmark-only" in map(str, self._config.invocation_params.args)

    @pytest.hookimpl
    def pytest_unconfigure(self) -> None:
        self.close()

    def _summary(self) -> RunSummary | None:
        """What the run came to; None where no conformance case ran."""
        if self._about is None:
            return None
        option = self._config.getoption
        about = msgspec.convert(self._about, About)
        seconds = time.perf_counter() - self._started
        by_pytest = bool(option("keyword") or option("markexpr") or option("deselect"))
        none = by_pytest or not self._verdicts  # or only properties were asked for, by their path
        missing = [] if none else [c for c in self.selected() if c not in self._verdicts]
        verdicts = [*self._verdicts.values()]
        summary = RunSummary(self.suite, about, verdicts, seconds, option("fail_under"), missing)
        if option("properties"):
            summary.tried(self.order(), self._results)
        summary_file = os.environ.get("GITHUB_STEP_SUMMARY")
        if option("report") or (summary_file and option("by_command")):
            shard = parse_shard(option("shard")) if option("shard") else (1, 1)
            made = summary.report(shard, bool(option("case") or option("tag") or by_pytest))
            try:
                if option("report"):
                    summary.write(option("report"), made, self._format())
                if summary_file and option("by_command"):
                    summary.summarize(Path(summary_file), made)
            except FixtureError as error:
                summary.problems.append(str(error))
        return summary


def state_of(config: pytest.Config) -> _State:
    """The conformance state of a pytest process."""
    state = config.pluginmanager.get_plugin("mlx-cache-conformance-state")
    assert isinstance(state, _State)
    return state
