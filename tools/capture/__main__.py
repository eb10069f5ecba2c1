"""`python -m tools.capture`: have the real writers write the golden prompt-cache files again.

Releases are installed into environments of their own.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager

from conformance.cli.command import carry_out
from conformance.cli.progress import Step, progress
from conformance.filetools.model import read_cases
from tools.capture import writers


def parser() -> argparse.ArgumentParser:
    """Writers and options."""
    made = argparse.ArgumentParser(prog="python -m tools.capture", description=__doc__)
    made.add_argument("writers", nargs="*", metavar="WRITER", help="default: all releases")
    made.add_argument(
        "--check", action="store_true", help="write elsewhere and compare byte for byte"
    )
    made.add_argument(
        "--construct",
        action="store_true",
        help="have the reference add the files that writers captured elsewhere have not",
    )
    made.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="WRITER=CHECKOUT",
        help="a source tree in place of the installed package",
    )
    made.set_defaults(run=run)
    return made


def run(options: argparse.Namespace) -> int:
    """1 where `--check` finds a file that is written otherwise today."""
    sources = dict(item.partition("=")[::2] for item in options.source)
    names = options.writers or [
        name
        for name, writer in writers.WRITERS.items()
        if name != writers.MAIN and (options.check or not writer.captured_elsewhere)
    ]
    unknown = [name for name in (*names, *sources) if name not in writers.WRITERS]
    if unknown:
        raise ValueError(f"unknown writer {unknown[0]}; known: {', '.join(writers.WRITERS)}")
    if options.construct:
        for name in names if options.writers else _elsewhere():
            with _progress(name) as step:
                added = writers.construct(writers.WRITERS[name], step)
            print(f"{name}: {added} files added")
        return 0
    failed = False
    for name in dict.fromkeys([*names, *sources]):
        writer, source = writers.WRITERS[name], sources.get(name)
        if not options.check:
            with _progress(name) as step:
                record = writers.store(writer, source, step)
            written = [golden for golden in record.files if golden.cannot is None]
            total = sum(golden.bytes or 0 for golden in written)
            cannot = len(record.files) - len(written)
            print(f"{name}: {len(written)} files, {total} bytes; {cannot} cases not writable")
            continue
        with _progress(name) as step:
            different = list(writers.check(writer, source, step))
        failed |= bool(different)
        print(f"{name}: {'identical' if not different else 'DIFFERENT'}")
        for line in different:
            print(f"  {line}", file=sys.stderr)
    return int(failed)


def _progress(name: str) -> AbstractContextManager[Step]:
    return progress(len(read_cases().cases), name)


def _elsewhere() -> list[str]:
    return [name for name, writer in writers.WRITERS.items() if writer.captured_elsewhere]


if __name__ == "__main__":
    carry_out(parser().parse_args())
