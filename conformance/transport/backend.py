"""What a backend is: one method, `call`, plus a handshake. And what can go wrong with one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from conformance import tensor
from conformance.calls import Call, Refused, Reply, Returned
from conformance.tensor import Tensor
from conformance.transport.causes import Unusable, Violation
from conformance.transport.messages import Handshake
from conformance.values import RepeatedText

MAX_DEPTH = 160  # of a result; the deepest is a loaded file with lists in lists of caches
# Under it are texts of the user, whose keys may be `dtype` and `shape` and make no tensor.
USER_TEXTS = "user_metadata"


# Says what is wrong with the shape of an operation's result; None where nothing is.
ResultProblem = Callable[[str, Any], str | None]


def any_shape(operation: str, result: Any) -> None:
    """The ResultProblem of who does not know the operations, or is content with any result."""


class BackendUnusable(Exception):
    """The backend string leads nowhere: the text says why and what to do. Exit code 2."""

    def __init__(self, cause: Unusable, text: str) -> None:
        super().__init__(text)
        self.cause = cause


class OperationRefused(Exception):
    """The implementation raised: `kind` is the error's name there, `payload` its fields."""

    def __init__(self, kind: str, message: str, payload: dict[str, Any] | None = None) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind
        self.message = message
        self.payload: dict[str, Any] = to_wire(payload) if isinstance(payload, dict) else {}


class BackendTrouble(Exception):
    """The backend did not answer as the protocol demands; it must be started anew."""


class BackendCrashed(BackendTrouble):
    """The process ended. `how` is the signal's name or the exit code, `stderr` its last lines.

    Of a process that never answered it is all, from the first line on.
    """

    def __init__(self, how: str, stderr: str = "", signal: int | None = None) -> None:
        super().__init__(how)
        self.how = how
        self.stderr = stderr
        self.signal = signal


class BackendTooLarge(BackendTrouble):
    """The process held more memory than any case may; it was ended."""


class BackendHung(BackendTrouble):
    """No answer in time; the process was ended."""


class BackendGone(BackendTrouble):
    """It shook hands once, and does not start any more or was started too often."""


class ProtocolViolation(BackendTrouble):
    """The answer is not one that the protocol allows; the text is for the adapter's author."""

    def __init__(self, cause: Violation, text: str) -> None:
        super().__init__(text)
        self.cause = cause


class Backend(ABC):
    """An implementation under test. Use it as a context manager; `close` leaves nothing running."""

    handshake: Handshake
    pid: int | None = None  # where it is a process of its own, which can be measured

    @abstractmethod
    def call(self, op: str, **arguments: Any) -> Any:
        """Carry out one operation. Raises OperationRefused, or BackendTrouble."""

    def call_all(self, calls: Sequence[Call], seconds: float) -> Iterable[Reply]:
        """Carry out several in order; a refusal does not stop the rest. Gives what it gets to."""
        for call in calls:
            try:
                yield Returned(self.call(call.op, **call.arguments))
            except OperationRefused as refusal:
                yield Refused(refusal.kind, refusal.message, refusal.payload)

    @abstractmethod
    def close(self) -> None:
        """End the backend. Safe to call twice."""

    def __enter__(self) -> Backend:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_PLAIN = frozenset({bool, int, float, str, type(None)})


def to_wire(value: Any, whole: bool = True) -> Any:
    """Tensors inside lists and dicts in wire form; everything else as it is.

    Repeated texts are made `whole`, or left for `lines.message` to write piece by piece.
    """
    if isinstance(value, Tensor):
        return value.to_wire()
    if isinstance(value, (list, tuple)):
        if _PLAIN.issuperset(map(type, value)):  # a million paddings, say
            return list(value)
        return [to_wire(item, whole) for item in value]
    if isinstance(value, dict):
        return {key: to_wire(item, whole) for key, item in value.items()}
    return str(value) if whole and isinstance(value, RepeatedText) else value


def from_wire(value: Any, depth: int = 0, tensors: bool = True) -> Any:
    """The opposite of `to_wire`; ProtocolViolation names the tensor that is none.

    Without `tensors` every object is one of texts, as the user's metadata is.
    """
    if depth > MAX_DEPTH:
        raise ProtocolViolation(
            Violation.NESTED_TOO_DEEP, f"a result is nested deeper than {MAX_DEPTH}"
        )
    if tensors and tensor.is_wire_tensor(value):
        try:
            return tensor.from_wire(value)
        except ValueError as error:
            raise ProtocolViolation(
                Violation.MALFORMED_TENSOR, f"a result holds a malformed tensor: {error}"
            ) from None
    if isinstance(value, list):
        return [from_wire(item, depth + 1, tensors) for item in value]
    if isinstance(value, dict):
        return {
            key: from_wire(item, depth + 1, tensors and key != USER_TEXTS)
            for key, item in value.items()
        }
    return value
