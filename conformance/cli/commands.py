"""The commands, by what they are for; the module of one is imported when it is chosen."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Sequence
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


class _Parser(argparse.ArgumentParser):
    """One that says what a mistyped option, command or choice may have meant."""

    def error(self, message: str) -> NoReturn:
        chosen = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)$", message)
        unknown = re.match(r"unrecognized arguments: (--[\w-]+)", message)
        if chosen:
            known = re.findall(r"[\w-]+", chosen[2])
            message += did_you_mean(chosen[1], known, 1)
        elif unknown:
            message += did_you_mean(unknown[1], self._option_string_actions, 1)
        super().error(message)


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """The options of the chosen command, with `run`, and `opens` where it has any."""
    chosen = _top().parse_args(words[:1])
    module = importlib.import_module(f"conformance.cli.{chosen.command.replace('-', '_')}")
    purpose = next(group[chosen.command] for group in GROUPS.values() if chosen.command in group)
    parser = _Parser(
        prog=f"{NAME} {chosen.command}",
        description=getattr(module, "DESCRIPTION", f"{purpose[0].upper()}{purpose[1:]}."),
    )
    module.configure(parser)
    parser.set_defaults(run=module.run, opens=getattr(module, "OPENS", ()))
    return parser.parse_args(words[1:])


def _top() -> argparse.ArgumentParser:
    lines = []
    for title, group in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:<12} {what}" for name, what in group.items())]
    top = _Parser(
        prog=NAME,
        description="Judge an implementation of MLX's slot cache (ArraysCache / MambaCache).",
        usage=f"{NAME} [-h] [--version] COMMAND ...",
        epilog="\n".join(lines[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=__version__)
    top.add_argument(
        "command",
        choices=[name for group in GROUPS.values() for name in group],
        metavar="COMMAND",
        help="one of these; COMMAND --help says more",
    )
    return top
