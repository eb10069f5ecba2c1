"""What a program said on stderr before it died, in as many lines as a reader takes in."""

from __future__ import annotations

import os

_LINES = 20
_BYTES = 8192


def last_lines(descriptor: int) -> str:
    """The last lines of the open file. OSError if it cannot be read."""
    # pread: the offset is shared with the program, and moving it would move its writing.
    size = os.fstat(descriptor).st_size
    text = os.pread(descriptor, _BYTES, max(0, size - _BYTES))
    return "\n".join(text.decode("utf-8", "replace").splitlines()[-_LINES:])
