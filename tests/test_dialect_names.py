"""No code knows a dialect by its name: what differs stands in fixtures and in the reference."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import conformance
from conformance.filetools.goldens import reader_lineages
from conformance.fixtures.read import read_suite
from conformance.kinds import KINDS
from conformance.properties.kind_properties import laws_of

PACKAGE = Path(conformance.__file__).parent
FOLDERS = ("engine", "kinds", "properties", "doctor", "reporting", "fixtures")
SUITE = read_suite()
NAMES = {name for lineage in reader_lineages().values() for name in lineage} - {"strict"}
FILES = sorted(path for folder in FOLDERS for path in (PACKAGE / folder).rglob("*.py"))


def texts(tree: ast.AST) -> list[str]:
    """Every text of a module but its docstrings."""
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
    ]  # fmt: skip


def named(source: str) -> set[str]:
    """The dialects and families that a module names in its code."""
    words = [word for text in texts(ast.parse(source)) for word in re.findall(r"[\w.-]+", text)]
    return {name for name in NAMES if any(word.startswith(name) for word in words)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_names_a_dialect_or_a_family(path):
    assert named(path.read_text()) == set()


@pytest.mark.parametrize("code", [
    'if dialect.id == "mlx-lm-0.32": pass',
    'LIMITS = {"mlxrs": "no merge"}',
    'said = f"{reader} is like mlx-swift-lm-3.31.3"',
    'name.startswith("mlx-lm")',
])  # fmt: skip
def test_a_name_would_be_found(code):
    assert named(code)
    assert not named(f"'''{code}'''"), "a docstring may name one"


def test_known_defects_that_laws_ask_for_exist():
    """A hazard whose id is misspelled would be one that no dialect carries."""
    asked = {
        text
        for path in (PACKAGE / "kinds").rglob("*.py")
        for text in texts(ast.parse(path.read_text()))
        if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+){2,}", text)
    }
    assert {"lengths-not-saved", "copy-compacts-slots"} <= asked
    assert asked - SUITE.hazards.keys() <= laws_of(KINDS).keys()
