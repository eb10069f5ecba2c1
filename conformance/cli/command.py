"""How a command ends: its exit code, and one line for what was wrong with its use."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

USAGE_ERROR = 2


def carry_out(options: argparse.Namespace) -> NoReturn:
    """Run the chosen command and exit: 0 done, 1 something failed, 2 bad use."""
    from conformance.fixtures.yamlfile import FixtureError
    from conformance.transport.backend import BackendUnusable

    try:
        code: int = options.run(options)
    except (BackendUnusable, FixtureError, ValueError) as error:
        print(f"mlx-cache-conformance: {error}", file=sys.stderr)
        code = USAGE_ERROR
    except BrokenPipeError:
        code = 0
    sys.exit(code)
