"""An adapter around the reference that is right in every answer, but dies where it should refuse.

`python dying.py DIALECT`
"""

import os
import signal
import sys

from conformance.transport import adapter
from conformance.transport.python_adapters import reference

perform = reference(sys.argv[1]).perform


def perform_or_die(op, params):
    try:
        return perform(op, params)
    except tuple(adapter.CODES):
        raise
    except Exception:
        os.kill(os.getpid(), signal.SIGSEGV)


adapter.serve(perform_or_die)
