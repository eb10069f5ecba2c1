"""The child that carries out a run for the process that supervises it; it is run as a program.

    supervised.py SYS.PATH PIPE pytest|command ARGUMENT...
"""

from __future__ import annotations

import json
import sys


def main(path: str, pipe: str, program: str, *arguments: str) -> int:
    """Do it with the paths of the supervisor, and say how it ended."""
    sys.path[:] = json.loads(path)
    from conformance.__main__ import main as command
    from conformance.supervision import END, SUPERVISION

    SUPERVISION.begin(int(pipe))
    if program == "pytest":
        import pytest

        code = int(pytest.main(list(arguments)))
    else:
        try:
            command(arguments)
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else 0
    sys.stdout.flush()
    SUPERVISION.tell(f"{END}{code}")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
