"""What the doctor asks of a cache of keys and values first."""

from __future__ import annotations

from typing import Any

from conformance.engine.doctoring import Doctoring, Example, Named
from conformance.tensor import tensor

_KEYS = tensor("float32", [1, 1, 2, 1], [1, 2])
_KEY = tensor("float32", [1, 1, 1, 1], [9])
_VALUES = tensor("float32", [1, 1, 2, 1], [-1, -2])


def doctoring(new: dict[str, Any], numbers: dict[str, Any]) -> Doctoring:
    """`new` are the arguments of a new cache, `numbers` what two tokens in it come to."""
    update: Named = ("update_and_fetch", {"cache": "c", "keys": _KEYS, "values": _VALUES})
    return Doctoring(
        essential=("new", "update_and_fetch", "snapshot"),
        make=lambda handle: ("new", {"cache": handle, **new}),
        lacking=(("update_and_fetch", {"cache": "c", "keys": _KEYS}),),
        example=Example(
            "a cache with two tokens",
            (("new", {"cache": "c", **new}), update),
            {"keys": [_KEYS], "values": [_VALUES], "numbers": numbers},
        ),
        overwrite=(
            "write_in_place",
            {"cache": "c", "what": "keys", "position": 0, "value": _KEY},
        ),
    )
