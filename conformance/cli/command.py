"""How a command ends: its exit code, and one line for what was wrong with its use."""

from __future__ import annotations

import argparse
import io
import sys
from typing import NoReturn

from conformance.fixtures.userfile import FixtureError
from conformance.supervision import SUPERVISION, supervise
from conformance.transport.backend import BackendUnusable

USAGE_ERROR = 2
INTERRUPTED = 130  # what a shell says of a program that SIGINT ended
NOTHING = "no case was executed, which proves nothing"


def carry_out(options: argparse.Namespace, arguments: list[str] | None = None) -> NoReturn:
    """Run the chosen command and exit: 0 done, 1 something failed, 2 bad use.

    `arguments` are given where they are those of this process, which then may have a child do it.
    """
    _outlive_the_reader()
    opens = getattr(options, "opens", ())
    if arguments is not None and SUPERVISION.needed(getattr(options, name) for name in opens):
        sys.exit(supervise("command", arguments))
    try:
        code: int = options.run(options)
    except (BackendUnusable, FixtureError, ValueError) as error:
        print(f"mlx-cache-conformance: {error}", file=sys.stderr)
        code = USAGE_ERROR
    except KeyboardInterrupt:
        code = say_interrupted()
    sys.exit(code)


def say_interrupted() -> int:
    """One line in place of a traceback; the exit code."""
    print("mlx-cache-conformance: interrupted", file=sys.stderr)
    return INTERRUPTED


class _Output(io.FileIO):
    """Standard output that goes on as if nothing was when nobody reads it any more.

    Otherwise `run | head -1` would end in the middle, with an exit code that says nothing of it.
    """

    def write(self, data: object) -> int:
        try:
            return super().write(data) or 0  # type: ignore[arg-type]
        except BrokenPipeError:
            return memoryview(data).nbytes  # type: ignore[arg-type]


def _outlive_the_reader() -> None:
    own = sys.stdout
    if own is not sys.__stdout__ or not isinstance(own, io.TextIOWrapper) or own.isatty():
        return
    own.flush()
    raw = _Output(own.fileno(), "w", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw), own.encoding, own.errors, line_buffering=own.line_buffering
    )
