"""The engine and what drives it know no kind and no operation of one by name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import conformance
from conformance.engine.literals import TensorLiteral
from conformance.kinds import KINDS

PACKAGE = Path(conformance.__file__).parent
FOLDERS = ("engine", "outcomes", "doctor", "properties", "reporting")
FILES = sorted(path for folder in FOLDERS for path in (PACKAGE / folder).rglob("*.py"))
NAMES = {kind.name for kind in KINDS} | {
    name for kind in KINDS for name in kind.operations
}
NAMES -= set(TensorLiteral.__struct_fields__)  # a pattern of a tensor is called `fill`, too
NAMES -= {"list", "set"}  # what an argument is, and what a report counts, too


def named(source: str) -> set[str]:
    """The kinds and operations that are literals of a module, docstrings left out."""
    tree = ast.parse(source)
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    literals = {
        node.value for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
    }  # fmt: skip
    return literals & NAMES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_names_a_kind_or_an_operation(path):
    assert named(path.read_text()) == set()
