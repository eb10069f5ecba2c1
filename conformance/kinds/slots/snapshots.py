"""What the snapshot of a slot cache shows."""

from __future__ import annotations

from typing import Any

import msgspec

from conformance.tensor import WireTensor


class WireSnapshot(msgspec.Struct, frozen=True):
    """The result of `snapshot`: only slots that are set are listed, by index."""

    class_name: str
    slot_count: int | None
    slots: dict[str, Any]
    left_padding: WireTensor | None
    lengths: WireTensor | None


def problem(result: Any) -> str | None:
    """Left out is not unset: a snapshot that forgets a key would pass for a cache without it."""
    if not isinstance(result, dict):
        return "the result is not an object"
    missing = [key for key in WireSnapshot.__struct_fields__ if key not in result]
    if missing:
        return f"the result has no {', '.join(missing)}"
    slots = result["slots"]
    if not isinstance(slots, dict) or not all(key.isascii() and key.isdecimal() for key in slots):
        return 'slots is not an object of the form {"0": tensor}'
    return None
