"""What this machine lacks for the ports in other languages, said once and where it is read.

`python -m tools.toolchains` names all that is missing, for the end of `make test`. With the name of
a port it names the first thing that this one lacks, with the way out, and ends with exit code 2.
With `--targets` it names the targets of the Makefile that this machine can build.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_HEADER = "nlohmann/json.hpp"
# Where Homebrew puts headers; CMake looks there by itself, a compiler does not.
_FOLDERS = ("/opt/homebrew/include", "/usr/local/include")


def _starts(command: Sequence[str], text: str = "") -> bool:
    """Whether a program is there and runs. A proxy of rustup without a toolchain is there only."""
    if shutil.which(command[0]) is None:
        return False
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.returncode == 0


def _program(name: str) -> Callable[[], bool]:
    return lambda: _starts([name, "version" if name == "go" else "--version"])


def _header() -> bool:
    folders = [f"-I{folder}" for folder in _FOLDERS]
    return _starts(["c++", "-E", "-x", "c++", *folders, "-"], f"#include <{_HEADER}>\n")


@dataclass(frozen=True)
class Need:
    """Something that a build needs: whether it is there, and how to get it."""

    name: str
    there: Callable[[], bool]
    way_out: str


CMAKE = Need("cmake", _program("cmake"), "apt-get install cmake, or brew install cmake")
COMPILER = Need("a C++ compiler", _program("c++"), "apt-get install g++, or xcode-select --install")
JSON = Need(
    "nlohmann-json", _header, "apt-get install nlohmann-json3-dev, or brew install nlohmann-json"
)
CARGO = Need("cargo", _program("cargo"), "see https://rustup.rs; `rustup default stable`")
SWIFT = Need("swift", _program("swift"), "see https://www.swift.org/install")
GO = Need("go", _program("go"), "see https://go.dev/doc/install")
NODE = Need("node", _program("node"), "see https://nodejs.org")
NPM = Need("npm", _program("npm"), "see https://nodejs.org")

# what is built -> what that needs, in the order in which it is looked for
NEEDS: dict[str, tuple[Need, ...]] = {
    "C++ port": (CMAKE, COMPILER, JSON),
    "C++ skeleton": (CMAKE, COMPILER, JSON),
    "Rust port": (CARGO,),
    "Rust skeleton": (CARGO,),
    "Swift skeleton": (SWIFT,),
    "Go skeleton": (GO,),
    "TypeScript skeleton": (NODE, NPM),
}
# language of `new-adapter` -> what is built
SKELETONS = {"cpp": "C++ skeleton", "rust": "Rust skeleton", "swift": "Swift skeleton",
             "go": "Go skeleton", "typescript": "TypeScript skeleton"}  # fmt: skip
_TARGETS = {"C++ port": "port-cpp", "Rust port": "port-rust", "Swift skeleton": "port-swift"}


def missing(what: str) -> Need | None:
    """The first thing that a build needs and this machine does not have."""
    return next((need for need in NEEDS[what] if not need.there()), None)


def not_run(what: str, need: Need) -> str:
    """One line about what is left out."""
    return f"not run: {what}, {need.name} missing ({need.way_out})"


def lines() -> Iterator[str]:
    """All that this machine cannot build, a line each."""
    for what in NEEDS:
        need = missing(what)
        if need is not None:
            yield not_run(what, need)


def main(arguments: Sequence[str]) -> int:
    """Say it; 2 where the one that was named cannot be built."""
    if not arguments:
        for line in lines():
            print(line)
        return 0
    (what,) = arguments
    if what == "--targets":
        print(*(target for built, target in _TARGETS.items() if missing(built) is None))
        return 0
    need = missing(what)
    if need is not None:
        print(f"{what}: {need.name} is missing: {need.way_out}", file=sys.stderr)
    return 2 if need else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
