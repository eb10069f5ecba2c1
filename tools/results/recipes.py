"""What is run for the board, and by which dialect it is judged."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from conformance.cli.new_adapter import LANGUAGES
from conformance.engine.suite import Suite
from tools import toolchains

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = "RESULTS_ENVIRONMENTS"  # a folder of virtual environments, by distribution
# Another release of a dialect that was run on one; all others are the dialects' own `backend`.
OTHER_RELEASES = {"mlx-lm-0.32.0": ("pypi:mlx-lm==0.32.0", "mlx-lm-0.32")}
# name -> distribution, version, class, dialect. Both need mlx-lm 0.31.3 beside them.
COPIES = {
    "vllm-mlx-0.6.0-BatchMambaCache": (
        "vllm-mlx", "0.6.0", "size_first:VllmBatchMambaCache", "mlx-lm-0.31"),
    "rapid-mlx-0.16.10-BatchMambaCache": (
        "rapid-mlx", "0.16.10", "size_first:RapidBatchMambaCache", "mlx-lm-0.31"),
    "rapid-mlx-0.16.10-Qwen4ExpStateCache": (
        "rapid-mlx", "0.16.10", "rapid_mlx.models.qwen4_exp_cache:Qwen4ExpStateCache",
        "mlx-lm-0.31"),
    "rapid-mlx-0.16.10-vendored": (
        "rapid-mlx", "0.16.10", "rapid_mlx.models.mlx_vlm_vendored.cache:ArraysCache",
        "mlx-vlm-0.7"),
}  # fmt: skip
# name -> the program of `make ports`, the dialect; empty is the one that it declares.
PORTS = {"cpp-port": ("ports/cpp/build/slot-cache-adapter", "")}
# Languages whose skeleton is run: a start, with a cache that is a list of slots.
SKELETONS = ("go", "typescript")
# By its name a result is known to be of a skeleton, or of the reference.
SKELETON = "-skeleton"
REFERENCE = "reference"


@dataclass(frozen=True)
class Recipe:
    """One run. `shown` is the backend as the result names it, `missing` what this machine lacks."""

    name: str
    backend: str
    dialect: str = ""
    shown: str = ""
    missing: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    build: str = ""  # in this folder, before it runs
    folder: Path = ROOT


def recipes(suite: Suite) -> Iterator[Recipe]:
    """Everything that is run, the slowest last."""
    for dialect in suite.dialects.values():
        own = dialect.backend
        inherited = any(suite.dialects[parent].backend == own for parent in dialect.parents)
        if own and not inherited:
            name = own.removeprefix("pypi:").replace("==", "-").partition(":")[0]
            yield Recipe(name, own, dialect.id)
    for name, (backend, judged_by) in OTHER_RELEASES.items():
        yield Recipe(name, backend, judged_by)
    for name, (program, judged_by) in PORTS.items():
        missing = "" if (ROOT / program).exists() else "not built (make port-cpp)"
        yield Recipe(name, f"cmd:{ROOT / program}", judged_by, f"cmd:{program}", missing)
    yield from map(_skeleton, SKELETONS)
    for name, (distribution, version, cls, judged_by) in COPIES.items():
        yield _copy(name, distribution, version, cls, judged_by)
    for dialect in suite.dialects.values():
        yield Recipe(f"{REFERENCE}-{dialect.id}", "reference", dialect.id)


def _skeleton(language: str) -> Recipe:
    folder = ROOT / "ports" / language / "skeleton"
    build, backend = LANGUAGES[language]
    need = toolchains.missing(toolchains.SKELETONS[language])
    missing = f"{need.name} missing ({need.way_out})" if need else ""
    program = backend.removeprefix("cmd:").rpartition(" ")[2]
    started = backend.replace(program, str(folder / program))
    shown = backend.replace(program, str(folder.relative_to(ROOT) / program))
    name = f"{language}{SKELETON}"
    return Recipe(name, started, "", shown, missing, build=build, folder=folder)


def _copy(name: str, distribution: str, version: str, cls: str, dialect: str) -> Recipe:
    folder = Path(os.environ.get(ENVIRONMENTS, "")) / distribution
    python = folder / "bin" / "python"
    there = bool(os.environ.get(ENVIRONMENTS)) and python.exists()
    options = f"conformance/transport/adapter.py --class {cls} --distribution {distribution}"
    adapter = f"{ROOT}/{options}"
    wanted = f"{distribution}=={version} mlx-lm==0.31.3"
    return Recipe(
        name,
        f"cmd:{python} {adapter}",
        dialect,
        f"cmd:python {options}",
        "" if there else f"no {python} with {wanted} ({ENVIRONMENTS}=FOLDER names where it is)",
        {"PYTHONPATH": f"{ROOT / 'ports/python'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    )


def command(recipe: Recipe, report: Path) -> list[str]:
    """The run of the suite."""
    words = [sys.executable, "-m", "conformance", "run", "--quiet", "--backend", recipe.backend]
    if recipe.dialect:
        words += ["--dialect", recipe.dialect]
    return [*words, "--report", str(report), "--report-format", "json"]
