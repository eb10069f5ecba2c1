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
SESSION = (INITIALIZE, RESET, SHUTDOWN, MEASURE)
