"""A published release in a virtual environment of its own, built once and kept."""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conformance.fixtures.userfolder import CACHE_VARIABLE, cache_folder
from conformance.patience import START_SECONDS
from conformance.transport.backend import BackendUnusable, ResultProblem, any_shape
from conformance.transport.causes import Unusable
from conformance.transport.process import ProcessBackend, Start

KNOWN_CLASSES = {
    "mlx-lm": "mlx_lm.models.cache:ArraysCache",
    "mlx-vlm": "mlx_vlm.models.cache:ArraysCache",
}
# Those that the dialects follow were run with this one (`ran_on` in fixtures/dialects.yaml): a few
# answers depend on it, so that an environment that is made next year has it too.
MLX = "0.32.4"
_FORM = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9][A-Za-z0-9.+!_-]*)"
    r"(?::(?P<cls>[\w.]+:\w+))?$"
)


@dataclass(frozen=True)
class Release:
    """One version of a distribution, and the class in it that is judged."""

    name: str
    version: str
    cls: str

    @property
    def requirement(self) -> str:
        """As pip wants it."""
        return f"{self.name}=={self.version}"


class ReleasedBackend(ProcessBackend):
    """The class of a release, in the release's own environment."""

    def __init__(
        self,
        release: Release,
        start_seconds: float = START_SECONDS,
        problem: ResultProblem = any_shape,
        device: str = "",
        start: Start | None = None,
    ) -> None:
        super().__init__(command(release, device), start_seconds, problem, start)


def parse(text: str) -> Release:
    """`NAME==VERSION`, or `NAME==VERSION:module:Class` for any other distribution."""
    match = _FORM.match(text)
    if match is None:
        raise BackendUnusable(
            Unusable.NO_BACKEND,
            f"pypi:{text}: write pypi:NAME==VERSION, or pypi:NAME==VERSION:module:Class",
        )
    cls = match["cls"] or KNOWN_CLASSES.get(match["name"].lower().replace("_", "-"))
    if cls is None:
        raise BackendUnusable(
            Unusable.NO_BACKEND,
            f"pypi:{text}: which class? Write pypi:{match['name']}=={match['version']}"
            f":module:Class (known without: {', '.join(KNOWN_CLASSES)})",
        )
    return Release(match["name"], match["version"], cls)


def command(release: Release, device: str = "") -> list[str]:
    """The adapter's command line in the release's environment, built if it is missing."""
    python = environment(release)
    adapter = Path(__file__).with_name("measuring.py")
    words = [str(python), str(adapter), "--class", release.cls, "--distribution", release.name]
    return [*words, "--device", device] if device else words


def environment(release: Release) -> Path:
    """The Python of the release's environment; BackendUnusable says why there is none."""
    tag = f"py{sys.version_info[0]}.{sys.version_info[1]}-{sysconfig.get_platform()}"
    folder = cache_folder() / f"{release.name}-{release.version}-{tag}"
    python, ready = folder / "bin" / "python", folder / "ready"
    if ready.exists():
        return python
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(folder.name + ".lock")):
            if not ready.exists():
                _build(release, folder, python)
                ready.touch()
    except OSError as error:
        raise BackendUnusable(
            Unusable.NO_ENVIRONMENT,
            f"cannot keep environments in {cache_folder()}: {error.strerror}; set {CACHE_VARIABLE} "
            "to a folder that you can write",
        ) from None
    return python


def _build(release: Release, folder: Path, python: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    mlx = "mlx[cpu]" if sys.platform == "linux" else "mlx"
    made = f"{mlx}=={MLX}"
    pip = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    with _progress(f"installing {release.requirement} into {folder}"):
        failed = _run([sys.executable, "-m", "venv", str(folder)])
        # A release that wants another mlx, or a system that lacks this one, gets what there is.
        failed = failed or (
            _run([*pip, release.requirement, made]) and _run([*pip, release.requirement, mlx])
        )
    if failed:
        shutil.rmtree(folder, ignore_errors=True)
        raise BackendUnusable(
            Unusable.NO_ENVIRONMENT, f"pypi:{release.requirement} cannot be installed: {failed}"
        )


def _run(command: list[str]) -> str | None:
    """Why a command failed; None if it did not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
    return (errors[-1:] or done.stderr.strip().splitlines()[-1:] or ["no reason given"])[0]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One builder at a time, also across the processes of one test run."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _progress(text: str) -> Iterator[None]:
    """A spinner with the time on a terminal, one line elsewhere; always on stderr."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(text, highlight=False, soft_wrap=True)
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(text, total=None)
        yield
