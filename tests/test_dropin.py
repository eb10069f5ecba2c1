"""The reference stands in for mlx-lm's own class: same models, same batching, the same logits."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from conformance.transport import released as pypi

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(__file__).with_name("dropin") / "program.py"


def digests(version: str, which: str) -> dict[str, dict[str, list[str]]]:
    python = pypi.environment(pypi.parse(f"mlx-lm=={version}"))
    done = subprocess.run(
        [str(python), str(PROGRAM), which],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("version", "dialect"), [("0.31.3", "mlx-lm-0.31"), ("0.32.2", "mlx-lm-0.32")]
)
def test_mlx_lm_runs_unchanged_on_the_reference(version, dialect):
    original, ours = digests(version, "original"), digests(version, dialect)
    assert set(original) == {"qwen3_next", "lfm2", "falcon_h1"}
    for model, expected in original.items():
        assert expected.pop("classes") == ["mlx_lm.models.cache"]
        assert all(name.startswith("reference_impl.") for name in ours[model].pop("classes"))
        assert expected == ours[model], model
        assert len(set(expected["batch"])) == len(expected["batch"]), "the digests do not vary"
        assert len(expected["generated"]) == 4 + 7 + 5 + 6 + 3
