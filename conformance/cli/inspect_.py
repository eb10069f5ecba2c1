"""`inspect`: what is in a prompt-cache file, and who can read it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "inspect",
        help="show what is in a prompt-cache file",
        description="Show a prompt-cache file: layout, caches, and what each dialect's reader "
        "would do with it. Exit code 1 when it is none.",
    )
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from conformance.filetools.inspection import facts, lines, refused
    from reference_impl.files.errors import PromptCacheError

    try:
        found = facts(Path(options.file))
    except PromptCacheError as error:
        if options.json:
            print(json.dumps({"file": options.file, "error": error.kind, **error.payload}))
        else:
            print(refused(options.file, error), file=sys.stderr)
        return 1
    except OSError as error:
        raise ValueError(f"{options.file}: {error.strerror}") from None
    print(json.dumps(found, indent=2) if options.json else "\n".join(lines(found)))
    return 0
