"""Drawn sequences end alike on mlx-lm's own classes and on the reference's, errors included.

`SEQUENCES=20000 pytest tests/reference/tokens/test_agreement.py` draws more of them.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conformance.transport import released

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("agreement") / "program.py"
RELEASES = [("0.31.3", "mlx-lm-0.31"), ("0.32.2", "mlx-lm-0.32")]
KINDS = ("KVCache", "ConcatenateKVCache", "RotatingKVCache", "QuantizedKVCache",
         "ChunkedKVCache", "CacheList", "BatchKVCache", "BatchRotatingKVCache")  # fmt: skip
COUNT = int(os.environ.get("SEQUENCES", "2000"))
# Rules of the reference that are replaced, to see that it is noticed.
WRONG = ("KVCache.trim", "RotatingKVCache.between", "RotatingKVCache.place", "BatchKVCache.count")


def play(version: str, dialect: str, count: int, *wrong: str) -> dict[str, Any]:
    python = released.environment(released.parse(f"mlx-lm=={version}"))
    done = subprocess.run(
        [str(python), str(PROGRAM), dialect, str(count), "0", *wrong],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("version", "dialect"), RELEASES)
def test_nothing_parts_them(version: str, dialect: str) -> None:
    report = play(version, dialect, COUNT)
    assert report["differences"] == []
    counts = report["counts"]
    for kind in KINDS:
        assert counts[f"{kind}.update_and_fetch works"] > COUNT / 10, kind
        assert counts[f"{kind}.update_and_fetch fails"], kind
    for step in ("RotatingKVCache.merge", "BatchKVCache.extend", "BatchRotatingKVCache.filter",
                 "ChunkedKVCache.maybe_trim_front", "BatchKVCache.extract"):  # fmt: skip
        assert counts[f"{step} works"], step


def test_each_wrong_rule_is_noticed() -> None:
    found = play("0.32.2", "mlx-lm-0.32", 320, *WRONG)
    assert set(found) == set(WRONG)
    for rule, first in found.items():
        assert first, rule
        assert first["steps"], rule
        assert "ours" in first["difference"], rule
