"""The options of a run: one table, of which `run` and the pytest plugin both make theirs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.patience import START_SECONDS
from conformance.reporting.suffixes import SUFFIXES
from conformance.transport import DEVICES


@dataclass(frozen=True)
class Option:
    """`kind` is what its value is made with; a `bool` has no value. `shows` stands for the value.

    `pytest_name` is its name there where pytest or a plugin of it has an option of this name.
    """

    name: str
    help: str
    kind: type[Any] = str
    shows: str = ""
    default: Any = None
    repeated: bool = False
    pytest_name: str = ""
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The attribute that holds it once options are parsed, through either door."""
        return (self.pytest_name or self.name).replace("-", "_")

    @property
    def settings(self) -> dict[str, Any]:
        """What argparse and pytest take, but for the name."""
        if self.kind is bool:
            return {"action": "store_true", "help": self.help, "dest": self.key}
        made = {"type": self.kind, "help": self.help, "dest": self.key, "default": self.default}
        if self.shows:
            made["metavar"] = self.shows
        if self.choices:
            made["choices"] = self.choices
        if self.repeated:
            made |= {"action": "append", "default": []}
        return made


# pytest-timeout has a --timeout, for a test.
TIMEOUT = Option(
    "timeout", f"for a start of the backend (default {START_SECONDS:g})", float, "SECONDS",
    pytest_name="start-timeout", default=START_SECONDS,
)  # fmt: skip
OPTIONS = (
    Option("backend", "reference (default), py:module:Class, cmd:COMMAND, pypi:NAME==VERSION or "
           "mutant:NAME", default="reference"),
    Option("dialect", "by which rules; default: the one that the backend declares"),
    Option("case", "only this case (* matches)", shows="ID", repeated=True),
    Option("tag", "only cases with this tag", shows="TAG", repeated=True),
    Option("set", "only the cases that counted when this set was frozen, such as 0.2", shows="SET"),
    Option("shard", "only the I-th of N equal parts of the cases", shows="I/N"),
    Option("baseline", "known failures, with reasons (YAML)", Path, "FILE"),
    Option("fixtures", "your own chapters instead", Path, "DIR", pytest_name="fixtures-dir"),
    Option("isolate", "each case with the backend in a process apart", bool),
    Option("require", "declared gaps are failures", bool),
    TIMEOUT,
    Option("device", "where it computes, if the suite starts it: " + " or ".join(DEVICES),
           choices=DEVICES),
    Option("fail-under", "fail if fewer of the requirements were executed", float, "PERCENT"),
    Option("report", "write the verdicts: .json, .xml (JUnit), .md, .html or .svg (a badge)",
           Path, "FILE"),
    Option("report-format", "in this format, whatever the suffix: "
           f"{', '.join([*SUFFIXES][:-1])} or {[*SUFFIXES][-1]}", shows="FORMAT"),
    Option("verbose", "every failure in full, not one of each cause", bool,
           pytest_name="every-failure"),
    Option("properties", "also try laws and drawn sequences of operations: quick, default or "
           "thorough", shows="PROFILE"),
    Option("examples", "so many sequences instead", int, "N"),
    Option("seed", "draw them from this seed", int, "N"),
    Option("found", "where transcripts of failures go", Path, "DIR"),
)  # fmt: skip


def for_pytest(options: Namespace) -> Iterator[str]:
    """The options of `run`, spelled for the plugin."""
    for option in OPTIONS:
        name, value = f"--{option.pytest_name or option.name}", getattr(options, option.key)
        if option.kind is bool:
            yield from [name] * value
        elif value is not None:
            for each in value if option.repeated else [value]:
                yield f"{name}={each}"
