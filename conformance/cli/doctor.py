"""`doctor`: check an adapter before its port is judged."""

from __future__ import annotations

import argparse

from conformance.doctor import report
from conformance.doctor.checks import checks
from conformance.doctor.examine import CheckStatus, examine
from conformance.doctor.patient import Patient
from conformance.doctor.probe import Limits
from conformance.fixtures.load import load_suite
from conformance.patience import START_SECONDS, checked

_UNSOUND = 1

DESCRIPTION = (
    "Check the adapter between the suite and a port, in the order of what to fix first. Exit code "
    "0 when it is sound, 1 when something must be fixed, 2 for bad use."
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backend",
        default="reference",
        help="reference (default), py:module:Class, cmd:COMMAND or pypi:NAME==VERSION",
    )
    parser.add_argument("--dialect", help="default: the one the backend declares")
    parser.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        help="for one answer (default 10)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=START_SECONDS,
        metavar="SECONDS",
        help=f"for a start (default {START_SECONDS:g})",
    )


def run(options: argparse.Namespace) -> int:
    seconds = checked("--seconds", options.seconds)
    timeout = checked("--timeout", options.timeout)
    suite = load_suite()
    if options.dialect is not None:
        suite.dialect(options.dialect)
    limits = Limits(start=timeout, answer=seconds, shutdown=min(seconds, 5.0))
    patient = Patient(options.backend, suite, limits, options.dialect)
    results = []
    for result in examine(patient, checks(patient)):
        results.append(result)
        for line in report.lines(result):
            print(line, flush=True)
    print(f"\n{report.summary(results)}")
    for line in report.advice(patient, results):
        print(line)
    unsound = any(result.status is CheckStatus.FIX for result in results)
    return _UNSOUND if unsound else 0
