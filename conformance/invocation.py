"""Commands for a reader to paste: they work from where the reader stands."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

NAME = "mlx-cache-conformance"


def command(*words: str) -> str:
    """This program with these words, quoted for a shell."""
    return " ".join([_shown(), *map(shlex.quote, words)])


def program() -> list[str]:
    """How to start this program again, wherever one stands."""
    script = _script()
    # As a module it would be looked for in the current folder first.
    return [str(script)] if script.exists() else [sys.executable, "-m", "conformance"]


def _script() -> Path:
    return Path(sys.executable).absolute().with_name(NAME)


def _shown() -> str:
    """Its name if a shell finds this very installation by that; else the shortest way to it."""
    found = shutil.which(NAME)
    if found is not None and Path(found).absolute() == _script():
        return NAME
    first, *more = program()
    here = Path.cwd()
    below = Path(first).is_relative_to(here)
    return shlex.join([os.path.relpath(first, here) if below else first, *more])
