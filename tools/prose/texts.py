"""The texts that a user reads, each with its place: documents, fixtures, help and messages."""

from __future__ import annotations

import argparse
import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conformance.cli.commands import GROUPS, parser_of
from conformance.reporting.specification import FOLDER, INDEX

# Keys whose text is prose, and keys below which every text is.
_PROSE = {"about", "hits", "note", "notes", "refused", "rule", "summary", "text", "title",
          "trap", "undefined", "untested", "why"}  # fmt: skip
_ALL_BELOW = {"absent", "not_applicable"}
# Made from texts that are read where they are written, or from mutants and changes to code.
_MADE = {f"docs/{INDEX}", "docs/mutants.md", "docs/mutation.md"}
_BUILT = {"node_modules", "target", "build"}
_FEWEST = 3  # words; fewer are a name
_LITERAL = re.compile(r"^[^ ]*$|^[a-z_]+\(|[{}\\<>]{2}|^\s*[-#|]")


@dataclass(frozen=True)
class Text:
    """A paragraph, and where it stands: a file with its line, or a command."""

    place: str
    words: str


def all_texts(root: Path) -> Iterator[Text]:
    yield from documents(root)
    for path in sorted((root / "fixtures").rglob("*.yaml")):
        yield from fixture(path, str(path.relative_to(root)))
    yield from helps()
    for package in ("conformance", "reference_impl"):
        for path in sorted((root / package).rglob("*.py")):
            yield from messages(path.read_text(), str(path.relative_to(root)))


def documents(root: Path) -> Iterator[Text]:
    """Every Markdown file of the repository but those that are made from what is read elsewhere."""
    found = []
    for folder, inner, files in os.walk(root):
        # what tools make, and the copy of the project that mutation testing changes
        inner[:] = [i for i in inner if i[0] != "." and i not in _BUILT]
        if Path(folder) == root and "mutants" in inner:
            inner.remove("mutants")
        found += [Path(folder, name) for name in files if name.endswith(".md")]
    for path in sorted(found):
        name = path.relative_to(root).as_posix()
        if name not in _MADE and not name.startswith(f"docs/{FOLDER}/"):
            yield from paragraphs(path.read_text(encoding="utf-8"), name)


def paragraphs(text: str, name: str) -> Iterator[Text]:
    """The paragraphs, list items and table cells of a Markdown text, without code."""
    lines: list[str] = []
    first, fenced = 0, False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        fence = line.lstrip().startswith("```")
        code = fenced or fence or line.startswith("    ")
        fenced ^= fence
        starts = re.match(r"\s*(?:[-*]|\d+\.|#+|>)\s", line)
        if lines and (code or starts or not line.strip() or line.startswith("|")):
            yield Text(f"{name}:{first}", " ".join(lines))
            lines = []
        if code or not line.strip():
            continue
        if line.startswith("|"):
            for cell in re.split(r"\||<br>", line.strip().strip("|")):
                yield Text(f"{name}:{number}", cell.strip())
            continue
        first = first if lines else number
        lines.append(line[starts.end() :] if starts else line.strip())


def fixture(path: Path, name: str) -> Iterator[Text]:
    """The prose of a file of fixtures: requirements, reasons, hazards, what does not apply."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with path.open(encoding="utf-8") as stream:
        top = yaml.compose(stream, loader)
    yield from _prose(top, name, key="", below=False)


def _prose(node: Any, name: str, key: str, below: bool) -> Iterator[Text]:
    if isinstance(node, yaml.MappingNode):
        for label, value in node.value:
            yield from _prose(value, name, label.value, below or label.value in _ALL_BELOW)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _prose(value, name, key, below)
    elif not (below or key in _PROSE):
        return
    elif node.tag.endswith(":str") and len(node.value.split()) >= _FEWEST:
        yield Text(f"{name}:{node.start_mark.line + 1}", node.value)


def helps() -> Iterator[Text]:
    """What `--help` says of every command and option, a line each."""
    for group in GROUPS.values():
        for command, purpose in group.items():
            yield Text(f"{command} --help", purpose)
            parser = parser_of(command)
            parser.formatter_class = _wide
            for line in parser.format_help().splitlines():
                words = line.strip()
                if words and not words.startswith(("usage:", "-h,")):
                    yield Text(f"{command} --help", re.sub(r"^(?:-\S+|\S+,) .*?  +", "", words))


def _wide(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(prog, max_help_position=30, width=100_000)


def messages(source: str, name: str) -> Iterator[Text]:
    """The sentences among the strings of a module: errors, findings, words of reports."""
    tree = ast.parse(source)
    passed = _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed.update(id(part) for part in ast.walk(node) if part is not node)
    for node in ast.walk(tree):
        if id(node) in passed or not isinstance(node, ast.JoinedStr | ast.Constant):
            continue
        words = _words(node)
        if len(re.findall(r"[A-Za-z']{2,}", words)) >= _FEWEST and not _LITERAL.search(words):
            yield Text(f"{name}:{node.lineno}", " ".join(words.split()))


def _words(node: ast.JoinedStr | ast.Constant) -> str:
    """A string with a name in the place of each value."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values
    )


def _docstrings(tree: ast.Module) -> set[int]:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, kinds)]
    return {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
