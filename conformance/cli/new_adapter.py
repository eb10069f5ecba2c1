"""`new-adapter`: a working skeleton of an adapter, to be filled in operation by operation."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from conformance import transport

# language -> how to build it, and the backend string, both seen from its folder
LANGUAGES = {
    "python": ("", "cmd:python adapter.py --class my_cache:ArraysCache"),
    "cpp": ("cmake -S . -B build && cmake --build build", "cmd:build/adapter"),
    "rust": ("cargo build --release", "cmd:target/release/adapter"),
    "swift": ("swift build -c debug", "cmd:.build/debug/adapter"),
    "go": ("go build -o build/adapter .", "cmd:build/adapter"),
    "typescript": ("npm install && npm run build", "cmd:node build/adapter.js"),
}
# What a Python adapter is made of: the protocol, files, and the kinds beside the slot cache.
_PYTHON = ("adapter.py", "cachefiles.py", "tokencaches.py", "listcaches.py")
DIALECT_OF = {"python": "mlx-lm-0.32"}  # the others declare theirs in the handshake
_BUILT = shutil.ignore_patterns(
    "build", "target", ".build", "node_modules", "Cargo.lock", "package-lock.json", "__pycache__"
)

DESCRIPTION = (
    "Copy a skeleton that answers the wire protocol. It declares a handful of operations; declare "
    f"more as your port implements them. There are skeletons in {', '.join(LANGUAGES)}; for "
    "another language docs/porting.md has the order of work."
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("language", choices=list(LANGUAGES))
    parser.add_argument("folder", type=Path, metavar="DIR", help="must not exist yet")


def run(options: argparse.Namespace) -> int:
    create(options.language, options.folder)
    build, backend = LANGUAGES[options.language]
    print(f"a {options.language} adapter is in {options.folder}; its README.md says what is yours")
    print(f"  cd {options.folder}")
    if build:
        print(f"  {build}")
    dialect = DIALECT_OF.get(options.language)
    judged = f" --dialect {dialect}" if dialect else ""
    print(f'  mlx-cache-conformance run --backend "{backend}"{judged}')
    return 0


def create(language: str, folder: Path) -> None:
    """Copy the skeleton of a language into a new folder; ValueError if that is not possible."""
    if folder.exists():
        raise ValueError(f"{folder} exists already; name a folder that does not")
    try:
        shutil.copytree(skeleton(language), folder, ignore=_BUILT)
        if language == "python":
            for name in _PYTHON:
                shutil.copy(Path(transport.__file__).with_name(name), folder / name)
    except OSError as error:
        raise ValueError(f"{folder} cannot be written: {error}") from None


def skeleton(language: str) -> Path:
    """Where a skeleton lies: inside an installed wheel, or beside the packages in a checkout."""
    here = Path(__file__).resolve().parent.parent
    for place in (here / "_skeletons" / language, here.parent / "ports" / language / "skeleton"):
        if place.is_dir():
            return place
    raise ValueError(f"no skeleton for {language} beside {here}: reinstall mlx-cache-conformance")
