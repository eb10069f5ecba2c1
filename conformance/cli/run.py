"""`run`: judge a backend. The engine is pytest; this only spells the options for it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from conformance.cli.command import NOTHING, USAGE_ERROR
from conformance.cli.options import OPTIONS, for_pytest

# Plugins that start whenever they are installed, and take longer to than everything else.
_OTHERS = {"hypothesis": "hypothesispytest", "benchmark": "benchmark", "anyio": "anyio"}
# Those of pytest's own that its test of a case has no use for. The first two look for what a test
# forgot, by collecting all garbage at the end; each other one costs a part of the start.
_UNUSED = (
    "unraisableexception", "threadexception", "doctest", "junitxml", "legacypath", "logging",
    "monkeypatch", "pastebin", "recwarn", "setuponly", "setupplan", "stepwise", "tmpdir",
    "unittest",
)  # fmt: skip

DESCRIPTION = (
    "Judge a backend by a dialect: verdict table, failures, exit code 0 or 1. Options after -- go "
    "to pytest."
)
OPENS = ("backend",)  # backends that are opened in this process


def configure(parser: argparse.ArgumentParser) -> None:
    for option in OPTIONS:
        parser.add_argument(f"--{option.name}", **option.settings)
    parser.add_argument(
        "-k", metavar="EXPRESSION", help="only cases whose id matches, as in pytest"
    )
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="failures and the last line only"
    )
    parser.add_argument("pytest", nargs="*", metavar="-- PYTEST OPTION", help=argparse.SUPPRESS)


def _without_plugins(options: argparse.Namespace) -> Iterator[str]:
    """Leaves those out that a run of cases has no use for, unless an option after -- is theirs."""
    for word, plugin in _OTHERS.items():
        wanted = word == "hypothesis" and options.properties
        if not wanted and not any(word in option for option in options.pytest):
            yield from ("-p", f"no:{plugin}")


def run(options: argparse.Namespace) -> int:
    import pytest

    package = Path(__file__).resolve().parent.parent
    # Its own ini, no conftest.py, no options from the environment: what the project in which the
    # user stands has for its own tests stays out of the run.
    arguments = ["-c", str(package / "pytest.ini"), "--noconftest", "-p", "conformance.plugin"]
    arguments += ["-q", "--no-header", "--by-command", *for_pytest(options)]
    if options.k:
        arguments += ["-k", options.k]
    arguments += ["-o", "console_output_style=classic"]
    if options.quiet:
        arguments += ["-q"]
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    if options.pytest or options.properties:
        arguments += [str(package)]
    else:
        # What else is installed is of no use to it, and looking for it takes as long as judging.
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        arguments += [str(package / "test_cases.py")]
        arguments += ["--cases-alone", "--assert=plain", *(f"-pno:{plugin}" for plugin in _UNUSED)]
    code = int(pytest.main([*arguments, *_without_plugins(options), *options.pytest]))
    if code == pytest.ExitCode.OK and "--benchmark-only" in options.pytest:
        print(f"{NOTHING}: this run is a failure")
        return int(pytest.ExitCode.TESTS_FAILED)
    return USAGE_ERROR if code == pytest.ExitCode.USAGE_ERROR else code
