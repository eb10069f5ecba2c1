"""The command line: a thin door to the modules that do the work."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from conformance import __version__
from conformance.cli import (
    baseline,
    bench,
    convert,
    diff,
    doctor,
    explain,
    inspect_,
    interop,
    lint,
    list_,
    new_adapter,
    replay,
    report,
    run,
    schema,
    serve,
)
from conformance.cli.command import carry_out

COMMANDS = (
    run,
    list_,
    explain,
    diff,
    baseline,
    bench,
    serve,
    doctor,
    report,
    lint,
    schema,
    inspect_,
    convert,
    interop,
    new_adapter,
    replay,
)


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = argparse.ArgumentParser(
        prog="mlx-cache-conformance",
        description="Judge an implementation of MLX's slot cache (ArraysCache / MambaCache).",
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.register(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 the judged implementation failed, 2 bad use."""
    own = sys.argv[1:] if arguments is None else None
    carry_out(parser().parse_args(arguments), own)


if __name__ == "__main__":
    main()
