"""Reading a YAML file as data: plain values only, bounded, and every error with file and line.

Scalars follow YAML 1.2's core schema (`no` and `on` are strings, `1_0` is not a number), and what
readers of its versions take for different values (`True`, `007`, `0x1F`) is refused, so that a
fixture reads the same to a program in any language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeVar

import msgspec
import yaml

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 1_000_000

T = TypeVar("T")
Where = Sequence[Any]  # the way to a place in a file: keys and indices from the top
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX = "tag:yaml.org,2002:"
_AMBIGUOUS = "ambiguous"
_BRACKETS = re.compile(rb"[\[\]{}]")
# Two block collections can begin in one column, no more: left of this one there are few.
_INDENTED = re.compile(rb"^[ \t?:-]{%d}" % (MAX_DEPTH // 4 - 1), re.MULTILINE)


class FixtureError(Exception):
    """A data file is wrong; the text starts with `file:line: ` where a line is to blame."""


_SCHEMA = (
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:~|null|)$", ("~", "n", "")),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    (
        "float",
        r"^[-+]?(?:[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.inf)$|^\.nan$",
        "-+.0123456789",
    ),
    (
        _AMBIGUOUS,
        r"^(?:True|TRUE|False|FALSE|Null|NULL|[-+]?0[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+"
        r"|[-+]?\.[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:Inf|INF)|\.(?:NaN|NAN))$",
        "TFN-+.0123456789",
    ),
)


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, first_characters in _SCHEMA:
        for character in first_characters:
            table.setdefault(character, []).append((_PREFIX + tag, re.compile(pattern)))
    return table


def _refuse(node: Any, problem: str) -> NoReturn:
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


class _Loader(_Base):  # type: ignore[misc]
    yaml_implicit_resolvers = _resolvers()
    yaml_constructors: ClassVar[dict[Any, Any]] = {
        _PREFIX + tag: _Base.yaml_constructors[_PREFIX + tag]
        for tag in ("bool", "null", "int", "float", "str", "seq", "map")
    }
    yaml_constructors |= {
        _PREFIX + _AMBIGUOUS: lambda _, node: _refuse(
            node, f"{node.value} is not the same to every YAML reader; quote it or write it plainly"
        ),
        None: lambda _, node: _refuse(
            node, f"the tag {node.tag} is not allowed: a fixture is plain data"
        ),
    }

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, KeyError):
            kind = node.tag.removeprefix(_PREFIX)
            _refuse(node, f"{str(node.value)[:40]!r} is not readable as {kind}")

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        pairs = node.value if isinstance(node, yaml.MappingNode) else []  # else super refuses it
        for key_node, _ in pairs:
            if not isinstance(key_node, yaml.ScalarNode):
                _refuse(key_node, "a list or a mapping is no key")
            if key_node.tag != _PREFIX + "str":
                _refuse(key_node, f"the key {key_node.value or 'null'} is not a string; quote it")
            if key_node.value in seen:
                _refuse(key_node, f"the key {key_node.value!r} stands twice")
            seen.add(key_node.value)
        return dict(super().construct_mapping(node, deep=deep))


def read(path: Path) -> Any:
    """The plain data of a YAML file; FixtureError names file, line and what is wrong."""
    return parse(read_bytes(path, MAX_FILE_BYTES + 1), str(path))


def read_bytes(path: Path, most: int) -> bytes:
    """The first `most` bytes of a file; FixtureError where it cannot be read, or is none."""
    if path.exists() and not path.is_file():
        raise FixtureError(f"{path}: cannot be read: it is not a file")
    try:
        with path.open("rb") as stream:
            return stream.read(most)
    except OSError as error:
        raise FixtureError(f"{path}: cannot be read: {error.strerror}") from None


def parse(raw: bytes, name: str) -> Any:
    """`read` for bytes already at hand."""
    if len(raw) > MAX_FILE_BYTES:
        raise FixtureError(f"{name}: a fixture file has at most {MAX_FILE_BYTES} bytes")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FixtureError(f"{name}:{_line_at(raw, error.start)}: not UTF-8") from None
    try:
        if _may_be_large(raw):
            _check_structure(raw)
        return yaml.load(raw, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise FixtureError(f"{name}:{line}: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        line = _line_at(raw, getattr(error, "position", 0))
        reason = getattr(error, "reason", str(error).partition("\n")[0])
        raise FixtureError(f"{name}:{line}: not readable as YAML: {reason}") from None


def decode(path: Path, kind: type[T]) -> T:
    """A YAML file as a struct; FixtureError names file, line and key of the first misfit."""
    data = read(path)
    if data is None:
        raise FixtureError(f"{path}:1: the file is empty")
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        where, message = _place(str(error), data, kind)
        spelled = spell(where) or "the file"
        raise FixtureError(f"{path}:{line_of(path, where)}: {spelled}: {message}") from None


def line_of(path: Path, where: Where) -> int:
    """The line of a place, or of the innermost part of the way to it that is there."""
    node = yaml.compose(path.read_bytes(), Loader=_Loader)
    line: int = node.start_mark.line + 1 if node else 1
    for step in where:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == step), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and step in range(len(node.value)):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line


def spell(where: Where) -> str:
    """A place as a reader writes it: `cases[3].steps[0].slot`."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in where)
    return "".join(parts).lstrip(".")


def _line_at(raw: bytes, position: int) -> int:
    return raw.count(b"\n", 0, position) + 1


def _place(error: str, data: Any, kind: Any) -> tuple[list[Any], str]:
    """Where a misfit is. For a key of a mapping msgspec says only `[...]`; find out which."""
    message, _, spelled = error.partition(" - at `$")
    where: list[Any] = []
    for key, index in re.findall(r"\.([^.\[`]+)|\[(\d+|\.\.\.)\]", spelled):
        if index == "...":
            mapping = data
            for step in where:
                mapping = mapping[step]
            for key in mapping:  # the one that gives the same error without its neighbours
                alone = _replaced(data, where, {key: mapping[key]})
                try:
                    msgspec.convert(alone, kind)
                except msgspec.ValidationError as again:
                    if str(again) == error:
                        data = alone
                        break
        where.append(int(index) if index.isdigit() else key)
    field = re.search(r"unknown field `([^`]+)`", message)
    return ([*where, field.group(1)] if field else where), message


def _replaced(data: Any, where: Where, new: Any) -> Any:
    if not where:
        return new
    copy = data.copy()
    copy[where[0]] = _replaced(copy[where[0]], where[1:], new)
    return copy


def _may_be_large(raw: bytes) -> bool:
    """Whether a cheap look cannot rule out what `_check_structure` refuses."""
    if (b"&" in raw and b"*" in raw) or _INDENTED.search(raw):
        return True
    depth = deepest = 0
    for bracket in _BRACKETS.findall(raw):
        depth = depth + 1 if bracket in b"[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH // 2


def _check_structure(raw: bytes) -> None:
    """Bound depth and node count with aliases expanded, before anything recursive sees them."""
    anchors: dict[str, list[Any]] = {}  # name -> [nodes, depth, still open]
    nodes: list[list[Any]] = [[0, 0, True]]
    for event in yaml.parse(raw, Loader=_Base):
        if isinstance(event, yaml.CollectionStartEvent):
            nodes.append([1, 0, True])
            if event.anchor:
                anchors[event.anchor] = nodes[-1]
            size, depth = 0, 0
        elif isinstance(event, yaml.CollectionEndEvent):
            size, depth, _ = closed = nodes.pop()
            closed[2] = False
            depth += 1
        elif isinstance(event, yaml.AliasEvent) and event.anchor in anchors:
            size, depth, is_open = anchors[event.anchor]
            if is_open:
                _refuse(event, f"the alias *{event.anchor} stands inside what it names")
            depth += 1
        elif isinstance(event, yaml.NodeEvent):
            size, depth = 1, 0
            if event.anchor and isinstance(event, yaml.ScalarEvent):
                anchors.pop(event.anchor, None)
        else:
            continue
        parent = nodes[-1]
        parent[0] += size
        parent[1] = max(parent[1], depth)
        if len(nodes) - 1 + depth > MAX_DEPTH:
            _refuse(event, f"nested deeper than {MAX_DEPTH}")
        if parent[0] > MAX_NODES:
            _refuse(event, f"more than {MAX_NODES} nodes, aliases counted at each use")
