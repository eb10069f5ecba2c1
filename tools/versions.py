"""The suite on the reference with other versions of mlx, Python and everything that it depends on,
and on mlx-lm's releases with the lowest mlx that they allow.

    python -m tools.versions                      # all of them: more than an hour
    python -m tools.versions mlx-0.30.6 lowest    # some, by name

Each has an environment of its own, made once and kept in the folder of `--environments`. A version
of Python that this machine lacks is named, and is no failure.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.fixtures.dialects import read_dialects
from conformance.fixtures.userfolder import cache_folder

ROOT = Path(__file__).resolve().parent.parent
MLX = ("0.30.6", "0.31.2", "0.32.0", "0.32.2", "0.32.4")
PYTHONS = ("3.10", "3.13")
LOWEST_PYTHON = PYTHONS[0]
# A dialect, and the lowest mlx that the release which it follows asks for.
LOWEST_MLX = {"mlx-lm-0.31": "0.31.2", "mlx-lm-0.32": "0.32.2"}
ADAPTER = ROOT / "conformance" / "transport" / "measuring.py"
_BOUND = re.compile(r'^\s+"(?P<name>[\w-]+(?:\[\w+\])?)>=(?P<version>[\d.]+)(?P<marker>[^"]*)",$')


@dataclass(frozen=True)
class Setup:
    """Versions that are installed beside each other; `python` is "" for the one that runs this.
    A release of mlx-lm is judged in one dialect, by the suite that runs this; the reference in all,
    by the suite inside.
    """

    name: str
    requirements: tuple[str, ...]
    python: str = ""
    dialect: str = ""

    def dialects(self) -> list[str]:
        """Those in which it is judged."""
        return [self.dialect] if self.dialect else list(read_dialects())


def setups() -> Iterator[Setup]:
    """What the suite is to be green on."""
    for version in MLX:
        yield Setup(f"mlx-{version}", newest(version))
    for python in PYTHONS:
        yield Setup(f"python-{python}", newest(MLX[-1]), python)
    mlx = next(name for name, _ in bounds() if name.startswith("mlx"))
    dialects = read_dialects()
    for dialect, version in LOWEST_MLX.items():
        release = dialects[dialect].backend.removeprefix("pypi:")
        name = f"{release.replace('==', '-')}-mlx-{version}"
        yield Setup(name, (release, f"{mlx}=={version}"), dialect=dialect)
    lowest = tuple(f"{name}=={version}" for name, version in bounds())
    yield Setup("lowest", lowest, LOWEST_PYTHON)


def bounds() -> list[tuple[str, str]]:
    """What the project depends on here, and the lowest version that it allows of each."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = text.partition("\ndependencies = [\n")[2].partition("\n]\n")[0]
    found = [_BOUND.match(line) for line in listed.splitlines()]
    assert all(found), "a dependency is written NAME>=VERSION"
    return [(row["name"], row["version"]) for row in found
            if row and (not row["marker"] or f"'{sys.platform}'" in row["marker"])]  # fmt: skip


def newest(mlx: str) -> tuple[str, ...]:
    """The newest of everything, beside one version of mlx."""
    names = [name for name, _ in bounds()]
    return tuple(f"{name}=={mlx}" if name.startswith("mlx") else name for name in names)


def interpreter(version: str) -> str | None:
    """A Python of this version on this machine, the newest patch of it."""
    if not version:
        return sys.executable
    found = shutil.which(f"python{version}")
    works = found and subprocess.run([found, "-c", ""], capture_output=True, check=False)
    if found and works and works.returncode == 0:
        return found
    installed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    fitting = sorted(installed.glob(f"{version}.*/bin/python"))
    return str(fitting[-1]) if fitting else None


def environment(setup: Setup, python: str, folder: Path) -> str:
    """The Python of an environment with these versions; CalledProcessError if it cannot be made."""
    made, ready = folder / setup.name / "bin" / "python", folder / setup.name / "ready"
    if not ready.exists():
        print(f"installing {' '.join(setup.requirements)}", file=sys.stderr, flush=True)
        subprocess.run([python, "-m", "venv", "--clear", str(folder / setup.name)], check=True)
        pip = [str(made), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *setup.requirements], check=True)
        ready.touch()
    return str(made)


def released(python: str) -> str:
    """The backend that is the mlx-lm of an environment."""
    cache = "mlx_lm.models.cache:ArraysCache"
    return f"cmd:{python} {ADAPTER} --class {cache} --distribution mlx-lm"


def judged(python: str, dialect: str, release: bool = False) -> tuple[bool, str]:
    """Whether the reference, or the release inside, is green in a dialect, and the last line of the
    run.

    A few drawn sequences go with the cases: they need more of Hypothesis.
    """
    suite, backend = (sys.executable, released(python)) if release else (python, "reference")
    done = subprocess.run(
        [suite, "-m", "conformance", "run", "--quiet", "--backend", backend,
         "--dialect", dialect, "--properties", "quick", "--examples", "20"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = (done.stdout.strip() or done.stderr.strip() or "nothing was said").splitlines()
    return done.returncode == 0, said[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    known = {setup.name: setup for setup in setups()}
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--environments", type=Path, default=None, metavar="DIR")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"no setup is called {unknown[0]}; they are {', '.join(known)}")
    folder = options.environments or cache_folder() / "versions"
    red, missing = 0, []
    for name in options.names or known:
        python = interpreter(known[name].python)
        if python is None:
            missing.append(f"NOT RUN: {name}, as this machine has no Python {known[name].python}")
            continue
        inside = environment(known[name], python, folder)
        for dialect in known[name].dialects():
            green, line = judged(inside, dialect, bool(known[name].dialect))
            red += not green
            print(f"{name}: {'green' if green else 'RED'}: {line}", flush=True)
    print(*missing, sep="\n", end="\n" if missing else "")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
