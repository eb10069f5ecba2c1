"""The commands, by what they are for; the module of one is imported when it is chosen."""

from __future__ import annotations

import argparse
import importlib
import platform
import re
from collections.abc import Sequence
from importlib import metadata
from typing import NoReturn

from conformance import __version__
from conformance.invocation import NAME
from conformance.suggestions import did_you_mean

GROUPS = {
    "judge an implementation": {
        "run": "judge a backend",
        "identify": "say which dialect a backend follows, and how closely",
        "baseline": "rewrite a list of known failures from a run, keeping comments and reasons",
        "report": "show a report in another format, merge shards, compare two",
        "replay": "run the calls of a transcript again, on any backend",
        "bench": "time a backend against another one and against the limit",
    },
    "understand a verdict": {
        "explain": "what a case or requirement says, where it comes from, what each dialect does",
        "diff": "the divergences between two dialects",
        "spec": "print the specification, a chapter or a requirement, as one dialect has it",
        "list": "list cases, requirements, hazards, dialects, tags or mutants",
    },
    "connect a port": {
        "new-adapter": "copy a working skeleton of an adapter for another language",
        "doctor": "check an adapter: framing, ids, errors, tensors, ending",
        "serve": "speak the wire protocol on stdin and stdout for a backend",
        "completion": "print what has a shell complete commands, options and ids",
        "schema": "print the JSON Schema of the wire protocol or of a chapter file",
        "lint": "check the fixtures",
        "dialect": "capture a new dialect from what a release answers",
    },
    "prompt-cache files": {
        "inspect": "show what is in a prompt-cache file",
        "convert": "write a prompt-cache file in another layout",
        "interop": "who reads the prompt-cache files of whom",
    },
}


class CommandParser(argparse.ArgumentParser):
    """One that says what a mistyped option, command or choice may have meant."""

    @property
    def actions(self) -> list[argparse.Action]:
        """Every option and word that it takes."""
        return list(self._actions)

    def error(self, message: str) -> NoReturn:
        chosen = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)$", message)
        unknown = re.match(r"unrecognized arguments: (--[\w-]+)", message)
        if chosen:
            known = re.findall(r"[\w-]+", chosen[2])
            message += did_you_mean(chosen[1], known, 1)
        elif unknown:
            message += did_you_mean(unknown[1], self._option_string_actions, 1)
        super().error(message)


class _Version(argparse.Action):
    """Prints the versions that a report of a problem needs, and looks for them only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            mlx = f"mlx {metadata.version('mlx')}"
        except metadata.PackageNotFoundError:
            mlx = "no mlx"
        print(f"{NAME} {__version__} ({mlx}, Python {platform.python_version()})")
        parser.exit()


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """The options of the chosen command, with `run`, and `opens` where it has any."""
    return parser_of(top().parse_args(words[:1]).command).parse_args(words[1:])


def parser_of(command: str) -> CommandParser:
    """The parser of one command's own words."""
    module = importlib.import_module(f"conformance.cli.{command.replace('-', '_')}")
    purpose = next(group[command] for group in GROUPS.values() if command in group)
    parser = CommandParser(
        prog=f"{NAME} {command}",
        description=getattr(module, "DESCRIPTION", f"{purpose[0].upper()}{purpose[1:]}."),
    )
    module.configure(parser)
    parser.set_defaults(run=module.run, opens=getattr(module, "OPENS", ()))
    return parser


def top() -> CommandParser:
    """The parser of the first word."""
    lines = []
    for title, group in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:<12} {what}" for name, what in group.items())]
    made = CommandParser(
        prog=NAME,
        description="Judge an implementation of MLX's slot cache (ArraysCache / MambaCache).",
        usage=f"{NAME} [-h] [--version] COMMAND ...",
        epilog="\n".join(lines[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action=_Version, help="of the suite, of mlx and of Python")
    made.add_argument(
        "command",
        choices=[name for group in GROUPS.values() for name in group],
        metavar="COMMAND",
        help="one of these; COMMAND --help says more",
    )
    return made
