"""Small folders of fixtures: one sound chapter, and variations of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from conformance.engine.suite import Suite
from conformance.fixtures.read import read_suite
from conformance.fixtures.shipped import fixtures_folder

CHAPTER = """\
title: Masks
about: Which positions count.
requirements:
- id: MASK-001
  level: MUST
  text: Without left padding and lengths there is no mask.
  cites: [somewhere]
cases:
- id: mask.none
  requires: [MASK-001]
  why: A mask costs time.
  given: {c: {size: 2}}
  steps:
  - op: make_mask
    n: 3
    expect: {value: null}
"""
HAZARDS = """\
hazards:
- id: bad-mask
  rule: The mask is wrong.
  dialects: [mlx-lm-0.31]
  hits: The state is wrong.
- id: bad-memory
  rule: The mask is somebody else's memory.
  dialects: [mlxrs-0.1]
  unsafe: true
  hits: The state is anything.
"""
TENSORS = """\
tensors:
  a0: {float32: [[1, 2, 3]]}
"""


def edited(text: str, *edits: tuple[str, str]) -> str:
    """`text` with each old part, which must stand in it once, replaced by the new one."""
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    return text


def write(root: Path, chapter: str = CHAPTER, hazards: str = HAZARDS, tensors: str = TENSORS,
          dialects: str | None = None) -> Path:  # fmt: skip
    """A folder with one chapter; the dialects are those that ship, unless others are given."""
    (root / "chapters").mkdir(parents=True, exist_ok=True)
    (root / "chapters" / "masks.yaml").write_text(chapter)
    (root / "hazards.yaml").write_text(hazards)
    (root / "tensors.yaml").write_text(tensors)
    if dialects is None:
        shutil.copy(fixtures_folder() / "dialects.yaml", root)
    else:
        (root / "dialects.yaml").write_text(dialects)
    return root


def suite(root: Path, cases: str, **files: str) -> Suite:
    """A suite of the cases that `cases` spells, in YAML, unchecked."""
    head = CHAPTER[: CHAPTER.index("cases:")]
    return read_suite(write(root, f"{head}cases:\n{cases}", **files))


def line(text: str, part: str) -> int:
    """The line of `text` on which `part` begins; it must stand there once."""
    assert text.count(part) == 1, f"{part!r} stands {text.count(part)} times"
    return text[: text.index(part)].count("\n") + 1
