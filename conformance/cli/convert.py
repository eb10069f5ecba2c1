"""`convert`: a prompt-cache file in another layout."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance.filetools.conversion import NotTheSame, convert
from conformance.filetools.inspection import readers, reading_lines, refused
from reference_impl.files import LAYOUTS
from reference_impl.files.errors import CannotHold, PromptCacheError

DESCRIPTION = (
    "Convert a prompt-cache file. The output is read back and compared before it appears. Exit "
    "code 1 when the layout cannot hold something."
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("out", metavar="OUT")
    parser.add_argument("--to", required=True, metavar="LAYOUT", help="the layout of OUT")
    parser.add_argument("--allow-loss", action="store_true", help="go on without what is named")
    parser.add_argument("--force", action="store_true", help="write over OUT")


def run(options: argparse.Namespace) -> int:
    if options.to not in LAYOUTS:
        raise ValueError(f"unknown layout {options.to!r}; layouts: {', '.join(LAYOUTS)}")
    path, out = Path(options.file), Path(options.out)
    try:
        done = convert(path, out, options.to, options.allow_loss, options.force)
    except CannotHold as refusal:
        print(f"{path}: {options.to} cannot hold:", file=sys.stderr)
        final = refusal.payload["final"]
        for loss in refusal.payload["losses"]:
            has_no_place = " (has no place there in any form)" if loss in final else ""
            print(f"  cache {loss[0]}: {loss[1]}{has_no_place}", file=sys.stderr)
        way_out = (
            "another layout may hold it" if final else "--allow-loss goes on without what is named"
        )
        print(f"nothing was written; {way_out}", file=sys.stderr)
        return 1
    except PromptCacheError as error:
        print(refused(path, error), file=sys.stderr)
        return 1
    except NotTheSame as error:
        print(f"{error}; nothing was written", file=sys.stderr)
        return 1
    except FileExistsError as error:
        raise ValueError(str(error)) from None
    except OSError as error:
        where = error.filename or out
        raise ValueError(f"{where}: {error.strerror}; nothing was written") from None
    for loss in done.losses:
        print(f"lost: cache {loss.key}: {loss.reason}")
    print(f"{out}: {done.source} -> {options.to}, read back and compared")
    print("\n".join(reading_lines(readers(out))))
    return 0
