"""Typed errors of the reference.

Every error knows its `kind` (the class name) and its `payload` (a plain dict), and derives from
the built-in exception that a Python caller would expect. The variants and their payload fields
are those of the mlxrs-0.1 seed; `Trap` is the end of the process in a Swift dialect. The mlx-lm
dialects raise Python's own exceptions, so nothing of theirs is defined here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

ParseCause = Literal["Empty", "InvalidDigit", "PosOverflow", "NegOverflow"]

_CAUSES: dict[ParseCause, str] = {
    "Empty": "there are no digits",
    "InvalidDigit": "a character is not a digit of the number",
    "PosOverflow": "the number is too large",
    "NegOverflow": "the number is too small",
}


class CacheError(Exception):
    """Base of all typed errors; `args` holds the payload's values in the order of `fields`."""

    fields: ClassVar[tuple[str, ...]] = ()
    template: ClassVar[str] = ""

    @property
    def kind(self) -> str:
        return type(self).__name__

    @property
    def payload(self) -> dict[str, Any]:
        return dict(zip(self.fields, self.args, strict=True))

    def __str__(self) -> str:
        return self.template.format(**self.payload)


class Parse(CacheError, ValueError):
    """A text is not an integer of the wanted type (`input_kind`: usize, CSV<usize>, CSV<i32>)."""

    fields = ("context", "input_kind", "cause")

    def __init__(self, context: str, input_kind: str, cause: ParseCause) -> None:
        super().__init__(context, input_kind, cause)

    def __str__(self) -> str:
        context, input_kind, cause = self.args
        return f"{context}: not readable as {input_kind}, because {_CAUSES[cause]}"


class CapExceeded(CacheError, ValueError):
    """A count is above a limit; raised before anything is allocated for that count."""

    fields = ("context", "cap_name", "cap", "observed")
    template = "{context}: {observed} is above {cap_name} = {cap}"

    def __init__(self, context: str, cap_name: str, cap: int, observed: int) -> None:
        super().__init__(context, cap_name, cap, observed)


class InvariantViolation(CacheError, ValueError):
    """The request makes no sense for this cache, whatever its numbers are."""

    fields = ("context", "requirement")
    template = "{context}: {requirement}"

    def __init__(self, context: str, requirement: str) -> None:
        super().__init__(context, requirement)


class OutOfRange(CacheError, IndexError, ValueError):
    """A slot index or another integer argument lies outside its range."""

    fields = ("context", "requirement", "value")
    template = "{context}: {requirement}, got {value}"

    def __init__(self, context: str, requirement: str, value: str) -> None:
        super().__init__(context, requirement, value)


class RankMismatch(CacheError, ValueError):
    """A tensor has too few axes."""

    fields = ("context", "actual", "actual_shape")
    template = "{context}: got rank {actual}, shape {actual_shape}"

    def __init__(self, context: str, actual: int, actual_shape: Sequence[int]) -> None:
        super().__init__(context, actual, list(actual_shape))


class LengthMismatch(CacheError, ValueError):
    """Two counts that belong together differ."""

    fields = ("context", "expected", "actual")
    template = "{context}: {actual} instead of {expected}"

    def __init__(self, context: str, expected: int, actual: int) -> None:
        super().__init__(context, expected, actual)


class ShapePairMismatch(CacheError, ValueError):
    """The shapes of two tensors that belong together differ."""

    fields = ("context", "expected", "actual")
    template = "{context}: shape {actual} instead of {expected}"

    def __init__(self, context: str, expected: Sequence[int], actual: Sequence[int]) -> None:
        super().__init__(context, list(expected), list(actual))


class DtypeMismatch(CacheError, TypeError):
    """A tensor has another dtype than the only one that fits."""

    fields = ("expected", "got")
    template = "got {got} instead of {expected}"

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)


class MlxOp(CacheError, ValueError):
    """mlx itself refuses an operation."""

    fields = ("message",)
    template = "{message}"

    def __init__(self, message: str) -> None:
        super().__init__(message)


class MlxC(MlxOp):
    """The same, where mlxrs hands on what mlx-c said of it: writing into a buffer."""


class ArithmeticOverflow(CacheError, OverflowError):
    """An operand does not fit the integer type of the computation."""

    fields = ("context", "op_type", "operands")
    template = "{context}: {operands} does not fit {op_type}"

    def __init__(self, context: str, op_type: str, operands: Mapping[str, int]) -> None:
        super().__init__(context, op_type, dict(operands))


class UnknownEnumValue(CacheError, ValueError):
    """A file's class label is not one of those that a loader knows."""

    fields = ("type_name", "value", "supported")
    template = "{type_name}: {value!r} is not one of {supported}"

    def __init__(self, type_name: str, value: str, supported: Sequence[str]) -> None:
        super().__init__(type_name, value, list(supported))


class KVCacheError(CacheError, ValueError):
    """What Swift's file loader throws."""

    fields = ("message",)
    template = "{message}"

    def __init__(self, message: str) -> None:
        super().__init__(message)


class OutOfMemory(CacheError, MemoryError):
    """Memory for the request cannot be had (or is more than the reference grants)."""

    template = "out of memory"


class Trap(CacheError, RuntimeError):
    """A Swift program ends here: failed precondition, `fatalError`, or an mlx error.

    A server around the reference ends its process with a signal when it meets `is_trap`.
    """

    is_trap: ClassVar[bool] = True
    fields = ("reason",)
    template = "trap: {reason}"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
