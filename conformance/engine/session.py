"""Operations of the protocol that belong to no kind: the suite's own, and a benchmark's clock."""

from __future__ import annotations

from typing import Any

import msgspec

from conformance.engine.operation import Operation, Use


class Initialize(msgspec.Struct, frozen=True):
    protocol: int
    client: dict[str, Any]


class Nothing(msgspec.Struct, frozen=True):
    """No arguments."""


class Measure(msgspec.Struct, frozen=True):
    operation: str
    arguments: dict[str, Any]
    times: int = 1
    repeats: int = 1
    memory: bool = False


class Memory(msgspec.Struct, frozen=True):
    """The result of `memory`, in bytes."""

    held: int
    peak: int


def _memory_problem(result: Any) -> str | None:
    names = Memory.__struct_fields__
    told = [result.get(name) for name in names] if isinstance(result, dict) else [None]
    sound = all(type(each) is int and each >= 0 for each in told)
    return None if sound else "the result is held and peak, in bytes"


INITIALIZE = Operation(
    "initialize", Initialize, "a Handshake; always the first message", reads=(), use=Use.SESSION
)
RESET = Operation(
    "reset", Nothing, "null; forgets all handles and held objects", reads=(), use=Use.SESSION
)
SHUTDOWN = Operation(
    "shutdown", Nothing, "null; then the process ends with exit code 0", reads=(), use=Use.SESSION
)
MEASURE = Operation(
    "measure",
    Measure,
    '{"seconds": list, "peak_bytes": integer or null}; times another operation by the '
    "implementation's own clock, results computed and not put on the wire. Each of `times` timings "
    "begins with the caches as they are and leaves them so; it is the mean of `repeats` calls in a "
    "row. Instead of a tensor an argument is what `fill` takes. With `memory`, what one more call "
    "holds at its peak beyond what was held, in bytes",
    reads=(),
    use=Use.BENCHMARK,
)
MEMORY = Operation(
    "memory",
    Nothing,
    '{"held": integer, "peak": integer} in bytes: what arrays take on the device now, and at most '
    "since this was asked last. Asked on a GPU, whose memory is not a part of the process, around "
    "a case that has a budget",
    reads=(),
    use=Use.BENCHMARK,
    problem=_memory_problem,
)
SESSION = (INITIALIZE, RESET, SHUTDOWN, MEASURE, MEMORY)
