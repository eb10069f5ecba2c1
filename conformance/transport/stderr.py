"""What a program said on stderr before it died, in as many lines as a reader takes in.

Stack frames are folded: of a run of them the first few and the last are kept, as languages do not
agree on which end the fault is at, and a runtime's own frames may stand before the program's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

_LINES = 20
_CHARACTERS = 8192
_READ = 1 << 16
_LINE = 400  # characters of one line of a beginning
_FIRST = 4  # frames that are kept, beside the last
_FRAMES = re.compile(
    r"""
      \s*\d+:?\s.*\b0x[0-9a-f]+.*        # Swift, macOS:  3  port  0x00007f1c  main + 17
    | \s*\#\d+\s.*                       # gdb, sanitizers:  #3 0x4f in main port.cpp:7
    | \s+\d+:\s.*                        # Rust:  3: port::main
    | \s+at\s.*                          # JavaScript, Java, Swift
    | \s+File\s".*",\sline\s\d+.*        # Python
    | \s*\S+\(.*\)\s?\[0x[0-9a-f]+\]     # glibc:  ./port(main+0x17) [0x4f]
    """,
    re.VERBOSE,
)
_RUST_PLACE = re.compile(r"\s+at\s\S+:\d+(:\d+)?")  # below a frame
_GO_PLACE = re.compile(r"\t\S.*:\d+( \+0x[0-9a-f]+)?")


def last_lines(descriptor: int) -> str:
    """The last lines of the open file. OSError if it cannot be read."""
    size = os.fstat(descriptor).st_size
    lines = _folded(_lines(descriptor, max(0, size - _READ)))
    return "\n".join(lines[-_LINES:])[-_CHARACTERS:]


def first_lines(descriptor: int) -> str:
    """The file from its first line on, with its end, where that is not far. OSError as above."""
    lines = [
        line if len(line) <= _LINE else f"{line[:_LINE]} ..."
        for line in _folded(_lines(descriptor, 0))
    ]
    more = len(lines) - _LINES
    if more > 1:
        end = _LINES // 4
        lines = [*lines[: _LINES - end - 1], f"... {more + 1} more lines", *lines[-end:]]
    return "\n".join(lines)


def _lines(descriptor: int, start: int) -> list[str]:
    # pread: the offset is shared with the program, and moving it would move its writing.
    return os.pread(descriptor, _READ, start).decode("utf-8", "replace").splitlines()


def _folded(lines: Sequence[str]) -> list[str]:
    """The lines, with one line in place of the middle frames of a stack."""
    folded: list[str] = []
    frames: list[list[str]] = []
    position = 0
    while position < len(lines):
        width = _frame(lines, position)
        if width:
            frames.append(list(lines[position : position + width]))
        else:
            folded += [*_stack(frames), lines[position]]
            frames = []
        position += width or 1
    return [*folded, *_stack(frames)]


def _frame(lines: Sequence[str], position: int) -> int:
    """How many lines the stack frame takes that begins here; 0 if none does."""
    line = lines[position]
    after = lines[position + 1] if position + 1 < len(lines) else ""
    if _GO_PLACE.fullmatch(after) and not line.startswith("\t"):
        return 2
    if not _FRAMES.fullmatch(line):
        return 0
    if _RUST_PLACE.fullmatch(after) and line.lstrip()[0].isdecimal():
        return 2
    width = 1
    if line.lstrip().startswith("File "):  # the source, and marks below it
        while position + width < len(lines) and lines[position + width].startswith("    "):
            width += 1
    return width


def _stack(frames: Sequence[Sequence[str]]) -> list[str]:
    more = len(frames) - _FIRST - 1
    if more > 1:
        frames = [*frames[:_FIRST], [f"... {more} stack frames"], frames[-1]]
    return [line for frame in frames for line in frame]
