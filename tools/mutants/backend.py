"""A mutant as a live backend, in this process or in one of its own."""

from __future__ import annotations

import shlex
import sys

from conformance.mutants.mutant import Mutant
from conformance.transport.backend import Backend
from conformance.transport.in_process import InProcessBackend
from conformance.transport.python_adapters import mutant


def opened(wrong: Mutant) -> Backend:
    """In this process."""
    # Brings mlx and the reference, which mutation testing changes after it has collected the cases.

    return InProcessBackend(mutant(wrong))


def over_stdio(wrong: Mutant) -> str:
    """The backend string that runs it in a process of its own."""
    return "cmd:" + shlex.join([sys.executable, "-m", "tools.mutants", "serve", wrong.name])
