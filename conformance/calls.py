"""One call of a backend, and what came back: a result, or a refusal."""

from __future__ import annotations

from typing import Any

import msgspec


class Call(msgspec.Struct, frozen=True):
    """One operation as a backend gets it; arguments are plain values, `Tensor` and None."""

    op: str
    arguments: dict[str, Any] = {}


class Returned(msgspec.Struct, frozen=True):
    """The result of a call: plain values, `Tensor` and None."""

    value: Any


class Refused(msgspec.Struct, frozen=True):
    """The implementation refused a call: the error's name there, its text and its fields."""

    kind: str
    message: str
    payload: dict[str, Any] = {}


Reply = Returned | Refused
