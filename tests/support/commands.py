"""Where programs are found."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

# What only the ports in other languages need.
OF_PORTS = {"cmake", "cargo", "rustc", "rustup", "swift", "swiftc", "go", "node", "npm", "npx",
            "c++", "g++", "cc", "gcc", "clang", "clang++"}  # fmt: skip


def bare_path(folder: Path) -> str:
    """A PATH of one folder that has every program of the PATH but `OF_PORTS`."""
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        with contextlib.suppress(OSError):
            for entry in os.scandir(place or "."):
                link = folder / entry.name
                if entry.name not in OF_PORTS and not os.path.lexists(link):
                    link.symlink_to(os.path.abspath(entry.path))
    return str(folder)
