"""`completion`: what has a shell complete commands, options, dialects and the ids of cases."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from conformance.cli.commands import GROUPS, parser_of
from conformance.fixtures.load import load_suite
from conformance.invocation import NAME
from conformance.reporting.specification import HAZARDS, slug

SHELLS = ("bash", "zsh", "fish")
DESCRIPTION = (
    'Print shell code for completion. In bash and zsh: eval "$(mlx-cache-conformance completion '
    'bash)"; in fish: mlx-cache-conformance completion fish | source. It needs argcomplete: pip '
    "install 'mlx-cache-conformance[completion]'."
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS)


def run(options: argparse.Namespace) -> int:
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        raise ValueError(
            "completion needs argcomplete: pip install 'mlx-cache-conformance[completion]'"
        ) from None
    print(shellcode([NAME], shell=options.shell))
    return 0


def answer(output: TextIO | None = None, end: Callable[[int], object] = os._exit) -> None:
    """Tell the shell that asks by its variables what may come next, and end the process.

    Only the command that is typed is made: who has pressed a key waits for this.
    """
    try:
        from argcomplete.finders import CompletionFinder
    except ImportError:
        end(1)
        return
    words = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0"))].split()
    whole = argparse.ArgumentParser(prog=NAME)
    whole.add_argument("--version", action="store_true")
    commands = whole.add_subparsers()
    for name in (name for group in GROUPS.values() for name in group):
        if name not in words[1:2]:
            commands.add_parser(name)
            continue
        parser = parser_of(name)
        for action in parser.actions:
            offered = _OFFERS.get((name, action.dest)) or _OFFERS.get(("", action.dest))
            if offered is not None:
                action.completer = _completer(offered)  # type: ignore[attr-defined]
        commands.add_parser(name, parents=[parser], add_help=False)
    CompletionFinder()(whole, output_stream=output, exit_method=end)


def _completer(offered: Callable[[], Iterable[str]]) -> Callable[..., list[str]]:
    def complete(prefix: str, **_: Any) -> list[str]:
        return [name for name in offered() if name.startswith(prefix)]

    return complete


def _dialects() -> Iterable[str]:
    return load_suite().dialects


def _cases() -> Iterable[str]:
    return load_suite().cases


def _tags() -> Iterable[str]:
    return sorted({tag for case in load_suite().cases.values() for tag in case.tags})


def _explained() -> Iterable[str]:
    suite = load_suite()
    return [*suite.cases, *suite.levels, *suite.hazards, *suite.dialects]


def _specified() -> Iterable[str]:
    suite = load_suite()
    return [*map(slug, suite.chapters), HAZARDS, *suite.levels, *suite.hazards]


def _backends() -> Iterable[str]:
    from conformance.transport.released import KNOWN_CLASSES

    return ["reference", "py:", "cmd:", "mutant:", *(f"pypi:{name}==" for name in KNOWN_CLASSES)]


# command ("" for any) and where argparse keeps the word -> what there is to choose from
_OFFERS: dict[tuple[str, str], Callable[[], Iterable[str]]] = {
    ("", "dialect"): _dialects,
    ("", "extends"): _dialects,
    ("", "case"): _cases,
    ("", "leave"): _cases,
    ("", "tag"): _tags,
    ("", "backend"): _backends,
    ("", "against"): _backends,
    ("diff", "left"): _dialects,
    ("diff", "right"): _dialects,
    ("explain", "id"): _explained,
    ("spec", "name"): _specified,
}
