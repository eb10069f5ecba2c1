"""`capture`: have the real writers write the golden prompt-cache files again."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "capture",
        help="write the golden prompt-cache files again, or compare",
        description="Have the real writers write the golden prompt-cache files into the fixtures. "
        "Releases are installed into environments of their own.",
    )
    parser.add_argument("writers", nargs="*", metavar="WRITER", help="default: all releases")
    parser.add_argument(
        "--check", action="store_true", help="write elsewhere and compare byte for byte"
    )
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="WRITER=CHECKOUT",
        help="a source tree in place of the installed package",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from conformance.filetools import capture

    sources = dict(item.partition("=")[::2] for item in options.source)
    names = options.writers or [name for name in capture.WRITERS if name != capture.MAIN]
    unknown = [name for name in (*names, *sources) if name not in capture.WRITERS]
    if unknown:
        raise ValueError(f"unknown writer {unknown[0]}; known: {', '.join(capture.WRITERS)}")
    failed = False
    for name in dict.fromkeys([*names, *sources]):
        writer, source = capture.WRITERS[name], sources.get(name)
        if not options.check:
            record = capture.store(writer, source, _quiet)
            written = [golden for golden in record.files if golden.cannot is None]
            total = sum(golden.bytes or 0 for golden in written)
            cannot = len(record.files) - len(written)
            print(f"{name}: {len(written)} files, {total} bytes; {cannot} cases not writable")
            continue
        different = list(capture.check(writer, source, _quiet))
        failed |= bool(different)
        print(f"{name}: {'identical' if not different else 'DIFFERENT'}")
        for line in different:
            print(f"  {line}", file=sys.stderr)
    return int(failed)


def _quiet(_: str, __: int) -> None:
    pass
