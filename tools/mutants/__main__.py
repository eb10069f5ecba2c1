"""`python -m tools.mutants`: have the mutants face the cases, list them, serve one."""

from __future__ import annotations

import argparse
from typing import Any

from conformance.cli.command import carry_out
from conformance.fixtures.load import load_suite
from conformance.transport import adapter
from conformance.transport.python_adapters import mutant as adapter_of
from tools.mutants import check, mutants, named


def parser() -> argparse.ArgumentParser:
    """The three commands."""
    top = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checking: Any = commands.add_parser("check", description=check.DESCRIPTION)
    check.configure(checking)
    checking.set_defaults(run=check.run)
    listing: Any = commands.add_parser("list", help="list the mutants, one a line")
    listing.add_argument("--dialect", help="only those of this dialect")
    listing.set_defaults(run=show)
    serving: Any = commands.add_parser("serve", help="speak the wire protocol for a mutant")
    serving.add_argument("name", metavar="NAME")
    serving.set_defaults(run=serve)
    return top


def show(options: argparse.Namespace) -> int:
    """The mutants, one a line."""
    dialect = load_suite().dialect(options.dialect).id if options.dialect else None
    for mutant in mutants().values():
        if dialect in (None, mutant.dialect):
            print(f"{mutant.name}  {mutant.dialect}  {mutant.wrong}")
    return 0


def serve(options: argparse.Namespace) -> int:
    """One of them over stdin and stdout, until it is told to end."""
    adapter.serve(adapter_of(named(options.name)).perform)
    return 0


if __name__ == "__main__":
    carry_out(parser().parse_args())
