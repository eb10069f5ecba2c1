"""The command line: a thin door to the modules that do the work."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from conformance.cli.command import carry_out, say_interrupted
from conformance.cli.commands import parsed


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 the judged implementation failed, 2 bad use."""
    own = sys.argv[1:]
    if arguments is None and "_ARGCOMPLETE" in os.environ:  # a shell asks what may come next
        importlib.import_module("conformance.cli.completion").answer()
    try:
        options = parsed(own if arguments is None else arguments)
    except KeyboardInterrupt:
        sys.exit(say_interrupted())
    carry_out(options, own if arguments is None else None)


if __name__ == "__main__":
    main()
