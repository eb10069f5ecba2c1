"""Writing what a release answers into the fixtures: outcomes, readings, the dialect's entry."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conformance.capture.answers import Answers, Changed
from conformance.capture.edits import YamlEditor
from conformance.capture.names import named
from conformance.engine.suite import Suite
from conformance.filetools.library import HOSTILE
from conformance.filetools.model import FOLDER
from conformance.fixtures.dialects import DIALECTS
from conformance.fixtures.yamledit import spelled
from conformance.transport.messages import Implementation

MARK = "captured"
_WRONG = "hostile-file-is-read"  # until a person names a closer one


class Writer:
    """Collects the edits of all files; nothing is written before `save`."""

    def __init__(self, suite: Suite, answers: Answers) -> None:
        self._suite, self._answers = suite, answers
        self._name = answers.dialect.id
        self._editors: dict[Path, YamlEditor] = {}

    def collect(self, backend: str, who: Implementation) -> None:
        """All edits. FixtureError where the form of a file leaves no room for one."""
        for each in self._answers.changed:
            if self._suite.chapter_of(each.case).name == FOLDER:
                self._reading(each)
            else:
                self._outcome(each)
        for name, reason in self._answers.unable.items():
            if self._suite.chapter_of(self._suite.cases[name]).name == FOLDER:
                self._answers.left[name] = reason
            else:
                self._unable(name, reason)
        if self._name not in self._suite.dialects:
            self._entry(backend, who)
            return
        for op in (*self._answers.gone, *self._answers.back):
            self._answers.left[op] = "`absent` of the dialect does not agree"

    def save(self) -> list[Path]:
        """Write all files, once each of them is known to be right; gives their paths."""
        texts = {path: editor.text for path, editor in self._editors.items()}
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8", newline="")
        return list(texts)

    def _editor(self, path: Path) -> YamlEditor:
        if path not in self._editors:
            with path.open(encoding="utf-8", newline="") as file:
                self._editors[path] = YamlEditor(file.read(), str(path))
        return self._editors[path]

    def _outcome(self, each: Changed) -> None:
        editor, where = self._case(each.case.id)
        step = (*where, "steps", each.number - 1)
        written = editor.data["cases"][where[1]]["steps"][each.number - 1]
        fields = named(each.fields, self._suite.tensors_of(each.case))
        if self._name in written.get("unless", {}):
            self._answers.left[each.case.id] = f"step {each.number} is written otherwise already"
            return
        if written.get("unless"):
            editor.put((*step, "unless"), self._name, fields)
        else:
            editor.put(step, "unless", {self._name: fields})
        self._mark(editor, where)

    def _unable(self, name: str, reason: str) -> None:
        editor, where = self._case(name)
        table = editor.data["cases"][where[1]].get("not_applicable")
        if table:
            editor.put((*where, "not_applicable"), self._name, reason)
        else:
            editor.put(where, "not_applicable", {self._name: reason}, after="why")
        self._mark(editor, where)

    def _case(self, name: str) -> tuple[YamlEditor, tuple[str, int]]:
        editor = self._editor(self._suite.chapter_of(self._suite.cases[name]).path)
        ids = [case["id"] for case in editor.data["cases"]]
        return editor, ("cases", ids.index(name))

    def _mark(self, editor: YamlEditor, where: tuple[str, int]) -> None:
        case = editor.data["cases"][where[1]]
        if MARK not in case:
            editor.put(where, MARK, [self._name], after="requires")
        elif self._name not in case[MARK]:
            editor.append((*where, MARK), self._name)

    def _reading(self, each: Changed) -> None:
        """That of a golden file stands beside it, that of a hostile one in its list."""
        file = getattr(each.case.steps[0], "file", "")
        said = _as_reading(each)
        folder = self._suite.root / FOLDER
        writer, _, content = file.partition("/")
        if not file.startswith(HOSTILE):
            editor = self._editor(folder / writer / "expectations.yaml")
            known = editor.data["expectations"][content].get(self._name)
            if known is None:
                editor.put(("expectations", content), self._name, said)
            elif known != said:  # another case reads the same file
                self._answers.left[each.case.id] = f"{file} is read otherwise: {said}"
            return
        editor = self._editor(folder / "hostile.yaml")
        ids = [entry["id"] for entry in editor.data["files"]]
        if content not in ids:
            self._answers.left[each.case.id] = f"it is made of a table; write there: {said}"
        elif "readers" in editor.data["files"][ids.index(content)]:
            editor.put(("files", ids.index(content), "readers"), self._name, said)
        else:
            editor.put(("files", ids.index(content)), "readers", {self._name: said})

    def _entry(self, backend: str, who: Implementation) -> None:
        answers, parent = self._answers, self._answers.dialect.parents[0]
        mlx = f" with mlx {who.mlx}" if who.mlx else ""
        count = len({each.case.id for each in answers.changed})
        entry: dict[str, Any] = {
            "id": self._name,
            "extends": parent,
            "follows": f"{who.name} {who.version}".rstrip(),
            "ran_on": f"{who.name} {who.version}{mlx}",
            "backend": backend,
            "summary": f"as {parent}, with other answers in {count} cases",
            MARK: True,
        }
        above = self._suite.dialects[parent]
        entry = {key: value for key, value in entry.items() if value != getattr(above, key, None)}
        absent = {**answers.gone, **dict.fromkeys(answers.back)}
        lines = [f"{key}: {spelled(value)}\n" for key, value in entry.items()]
        if absent:
            lines.append("absent:\n")
            lines += [f"  {spelled(op)}: {spelled(why)}\n" for op, why in absent.items()]
        text = "".join(("- " if not n else "  ") + line for n, line in enumerate(lines))
        self._editor(self._suite.root / DIALECTS).extend(("dialects",), text)


def _as_reading(each: Changed) -> dict[str, Any]:
    """An outcome as a table of readers spells it, with the mark."""
    read = each.fields.get("reading")
    if read is None:
        return {"error": each.fields["error"], MARK: True}
    if isinstance(read, str):
        return {read: True, MARK: True}
    hazard = {"hazard": _WRONG} if "wrong" in read else {}
    return {**read, **hazard, MARK: True}


def unconfirmed(suite: Suite) -> dict[str, int]:
    """How many marks of a capture each dialect still has."""
    counts: dict[str, int] = {}
    for case in suite.cases.values():
        for name in case.captured:
            counts[name] = counts.get(name, 0) + 1
    for dialect in suite.dialects.values():
        if dialect.captured:
            counts[dialect.id] = counts.get(dialect.id, 0) + 1
    return counts


def marks(counts: dict[str, int]) -> Iterable[str]:
    """A line for each dialect that has some."""
    for name, count in counts.items():
        yield f"{name}: {count} marks of a capture that nobody has looked at (`{MARK}`)"
