"""Putting more into a YAML file in its text, so that comments, order and line breaks stay."""

from __future__ import annotations

from typing import Any

import yaml

from conformance.fixtures.userfile import FixtureError
from conformance.fixtures.yamledit import spelled
from conformance.fixtures.yamlfile import Where, parse, spell

_WIDE = 118  # characters of a line, beyond which what is added stands on a line of its own
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlEditor:
    """Adds pairs to mappings and elements to lists. FixtureError where a form leaves no room.

    Edits are collected; `text` makes them all, and reads back that nothing else has changed.
    """

    def __init__(self, text: str, name: str) -> None:
        self._text, self._name = text, name
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self.data: Any = parse(text.encode(), name)  # with all edits
        self._top = yaml.compose(text, Loader=_Loader)
        self._edits: list[tuple[int, int, str]] = []  # where, in which order, what

    def put(self, where: Where, key: str, value: Any, after: str = "") -> None:
        """Add a pair to the mapping at a place, in block style after the pair `after` if it can."""
        node, data = self._at(where)
        if not isinstance(node, yaml.MappingNode) or key in data:
            raise FixtureError(f"{self._name}: {spell(where)} cannot get a key {key}")
        data[key] = value
        pair = f"{spelled(key)}: {spelled(value)}"
        if node.flow_style:
            self._before_bracket(node, pair, bool(node.value))
            return
        indent = " " * node.value[0][0].start_mark.column
        pairs = {each.value: v for each, v in node.value if self._is_tight(v)}
        place = pairs.get(after) or next(reversed(pairs.values()), None)
        if place is None:
            self._add(node.value[0][0].start_mark.index, f"{pair}\n{indent}")
        else:
            self._add_line(place.end_mark.line, f"{indent}{pair}")

    def append(self, where: Where, value: Any) -> None:
        """Add an element to the list in brackets at a place."""
        node, data = self._at(where)
        if not isinstance(node, yaml.SequenceNode) or not node.flow_style:
            raise FixtureError(f"{self._name}: {spell(where)} is not a list in brackets")
        data.append(value)
        self._before_bracket(node, spelled(value), bool(node.value))

    def extend(self, where: Where, text: str) -> None:
        """Add elements, as they are written, at the end of the list that ends the file."""
        _, data = self._at(where)
        more = parse(text.encode(), self._name)
        if not isinstance(data, list) or not isinstance(more, list):
            raise FixtureError(f"{self._name}: {spell(where)} is not a list")
        data += more
        gap = "" if self._text.endswith("\n") else "\n"
        self._add(len(self._text), gap + text)

    @property
    def text(self) -> str:
        """The whole file with all edits."""
        made = self._text
        for place, _, new in sorted(self._edits, reverse=True):
            made = made[:place] + new + made[place:]
        if _comparable(parse(made.encode(), self._name)) != _comparable(self.data):
            raise FixtureError(f"{self._name}: cannot be edited: it has an unusual form")
        return made

    def _at(self, where: Where) -> tuple[Any, Any]:
        node: Any = self._top
        data = self.data
        for step in where:
            data = data[step]
            if isinstance(node, yaml.MappingNode):
                node = next(value for key, value in node.value if key.value == step)
            else:
                node = node.value[step]
        return node, data

    def _is_tight(self, node: Any) -> bool:
        """Whether the mark of its end is where it ends, and nothing stands behind but a comment."""
        if isinstance(node, yaml.ScalarNode):
            return node.style not in ("|", ">") and node.end_mark.line < len(self._lines)
        return bool(node.flow_style)

    def _before_bracket(self, node: Any, new: str, more: bool) -> None:
        place = node.end_mark.index - 1
        line = self._lines[node.end_mark.line]
        if more and len(line) + len(new) > _WIDE:
            indent = " " * (len(line) - len(line.lstrip(" -")) + 2)
            self._add(place, f",\n{indent}{new}")
        else:
            self._add(place, f", {new}" if more else new)

    def _add_line(self, line: int, new: str) -> None:
        ended = self._lines[line].endswith("\n")
        self._add(self._starts[line + 1], f"{new}\n" if ended else f"\n{new}")

    def _add(self, place: int, new: str) -> None:
        self._edits.append((place, -len(self._edits), new))


def _comparable(data: Any) -> str:
    """A text that is the same for data that are, in whatever order their keys are; also for NaN."""
    if isinstance(data, dict):
        return "{" + ",".join(sorted(f"{k!r}:{_comparable(v)}" for k, v in data.items())) + "}"
    if isinstance(data, list):
        return "[" + ",".join(map(_comparable, data)) + "]"
    return repr(data)
