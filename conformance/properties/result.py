"""What one part of the properties came to."""

from __future__ import annotations

import msgspec

from conformance.engine.verdict import Status
from conformance.properties.profiles import Tries


class PartResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one part came to; `detail` is all that a reader needs, or why it was not tried.

    `digest` is of what was drawn; `own` says what a kind's own trials are of.
    """

    part: str
    tries: Tries
    status: Status
    sequences: int = 0
    trials: int = 0
    calls: int = 0
    seconds: float = 0.0
    detail: str = ""
    digest: str = ""
    own: str = ""
