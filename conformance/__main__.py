"""The command line: a thin door to the modules that do the work."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

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

GROUPS = {
    "judge an implementation": (run, baseline, report, replay, bench),
    "understand a verdict": (explain, diff, list_),
    "connect a port": (new_adapter, doctor, serve, schema, lint),
    "prompt-cache files": (inspect_, convert, interop),
}


class Commands:
    """Takes commands as argparse's own collection of them does, and notes what each is for."""

    def __init__(self, parsers: Any) -> None:
        self._parsers = parsers
        self.purposes: dict[str, str] = {}

    def add_parser(self, name: str, *, help: str, **settings: Any) -> argparse.ArgumentParser:
        """The parser of a new command. `help` is for the list of commands alone."""
        self.purposes[name] = help
        settings.setdefault("description", f"{help[0].upper()}{help[1:]}.")
        made: argparse.ArgumentParser = self._parsers.add_parser(name, **settings)
        return made


def parser() -> argparse.ArgumentParser:
    """All commands with their options; the help lists them by what they are for."""
    top = argparse.ArgumentParser(
        prog="mlx-cache-conformance",
        description="Judge an implementation of MLX's slot cache (ArraysCache / MambaCache).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=__version__)
    about = "one of these; COMMAND --help says more"
    parsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND", help=about)
    lines = []
    for title, modules in GROUPS.items():
        commands = Commands(parsers)
        for module in modules:
            module.register(commands)
        lines += ["", f"{title}:", *(f"  {n:<12} {what}" for n, what in commands.purposes.items())]
    top.epilog = "\n".join(lines[1:])
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 the judged implementation failed, 2 bad use."""
    own = sys.argv[1:] if arguments is None else None
    carry_out(parser().parse_args(arguments), own)


if __name__ == "__main__":
    main()
