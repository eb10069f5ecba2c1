"""`inspect`: what is in a prompt-cache file, and who can read it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from conformance.filetools.identify import identify
from conformance.filetools.inspection import facts, lines, plain, refused
from reference_impl.files.errors import PromptCacheError

DESCRIPTION = (
    "Show prompt-cache files: layout, caches, and what each dialect's reader would do with them. "
    "Exit code 1 when one of them is not a prompt cache, 2 when one cannot be opened."
)
UNOPENED = "CannotBeOpened"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a folder stands for its .safetensors files"
    )
    parser.add_argument("--all", action="store_true", help="show every cache of a file with many")
    parser.add_argument("--json", action="store_true", help="as JSON; a list for several files")


def run(options: argparse.Namespace) -> int:
    paths = list(_paths(options.files))
    several = len(paths) > 1 or Path(options.files[0]).is_dir()
    if options.json:
        found = [_facts(path) for path in paths]
        print(json.dumps(found if several else found[0], indent=2))
        return max(_code(each) for each in found)
    return max(_show(path, options.all, several) for path in paths)


def _paths(names: Iterable[str]) -> Iterator[Path]:
    """Every file that is named or in a named folder; a folder without any stands for itself."""
    for name in names:
        path = Path(name)
        yield from sorted(path.rglob("*.safetensors")) or [path] if path.is_dir() else [path]


def _facts(path: Path) -> dict[str, Any]:
    try:
        return plain(facts(path))
    except PromptCacheError as error:
        return {"file": str(path), "error": error.kind, **error.payload, "is": identify(path)}
    except OSError as error:
        return {"file": str(path), "error": UNOPENED, "reason": _why(path, error), "is": None}


def _code(found: dict[str, Any]) -> int:
    return 2 if found.get("error") == UNOPENED else int("error" in found)


def _show(path: Path, everything: bool, several: bool) -> int:
    try:
        text = "\n".join(lines(facts(path), everything))
    except PromptCacheError as error:
        print(refused(path, error), file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        print(f"{path}: {_why(path, error)}", file=sys.stderr, flush=True)
        return 2
    print(text + ("\n" if several else ""), flush=True)
    return 0


def _why(path: Path, error: OSError) -> str:
    return "no .safetensors file is in this folder" if path.is_dir() else str(error.strerror)
