"""An adapter around the reference that is right in every answer, but dies where it should refuse.

`python dying.py DIALECT [IMPLEMENTATION]`: the second is the name under which it introduces itself.
"""

import os
import signal
import sys

from conformance.transport import adapter
from conformance.transport.python_adapters import reference

perform = reference(sys.argv[1]).perform


def perform_or_die(op, params):
    try:
        result = perform(op, params)
        if op == "initialize" and sys.argv[2:]:
            result["implementation"]["name"] = sys.argv[2]
        return result
    except tuple(adapter.CODES):
        raise
    except Exception:
        os.kill(os.getpid(), signal.SIGSEGV)


adapter.serve(perform_or_die)
