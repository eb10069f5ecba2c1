"""The table of kinds counts the cases that apply in each dialect."""

from __future__ import annotations

from support.folder import suite as small_suite

from tools.kind_table import table

CASES = """\
- id: batch.rows
  requires: [MASK-001]
  why: Rows count.
  given: {c: {kind: batch_kv, left_padding: [0]}}
  steps:
  - {op: offset, expect: {tensor: {int32: [0]}}}
- id: mask.none
  requires: [MASK-001]
  why: A mask costs time.
  given: {c: {size: 2}}
  steps:
  - {op: make_mask, n: 3, expect: {value: null}}
"""


def test_a_kind_has_its_cases_where_they_apply(tmp_path):
    head, _, *rows = table(small_suite(tmp_path, CASES)).splitlines()
    cells = {row.split(" | ")[0]: row.strip("| ").split(" | ") for row in rows}
    place = head.strip("| ").split(" | ").index
    batches, slots = cells["| batch_kv"], cells["| slots"]
    assert (batches[place("mlx-lm-0.32")], slots[place("mlx-lm-0.32")]) == ("1", "1")
    swift = place("mlx-swift-lm-3.31.3")
    assert (batches[swift], slots[swift]) == ("0", "1")
    assert batches[1] == "1"
    assert int(batches[-1]) >= 60
