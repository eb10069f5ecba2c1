"""Operations a second through the wire protocol: one a message, and many in one.

python ports/throughput.py "cmd:ports/cpp/build/slot-cache-adapter" ...
"""

from __future__ import annotations

import sys
import time

from conformance.calls import Call
from conformance.tensor import tensor
from conformance.transport import connect

COUNT, BATCH, SECONDS = 4000, 400, 60.0


def mixed(count: int) -> list[Call]:
    """What a case does, over and over: write a slot, read it, ask for the mask, look at it all."""
    value = tensor("float32", [2, 64], range(128))
    cycle = [
        Call("set", {"cache": "c", "slot": 1, "value": value}),
        Call("get", {"cache": "c", "slot": 1}),
        Call("make_mask", {"cache": "c", "n": 8}),
        Call("snapshot", {"cache": "c"}),
    ]
    return cycle * (count // len(cycle))


def measure(backend: str, size: int) -> float:
    """Operations a second with `size` of them in a message."""
    calls = mixed(COUNT)
    with connect(backend, "mlxrs-0.1") as live:
        live.call("new", cache="c", size=2, left_padding=[0, 3])
        list(live.call_all(calls[:BATCH], SECONDS))  # the first ones find everything cold
        started = time.perf_counter()
        for begin in range(0, len(calls), size):
            list(live.call_all(calls[begin : begin + size], SECONDS))
        return len(calls) / (time.perf_counter() - started)


def main() -> None:
    for backend in sys.argv[1:]:
        single, batched = measure(backend, 1), measure(backend, BATCH)
        print(f"{backend}: {single:.0f} a second one by one, {batched:.0f} in lists of {BATCH}")


if __name__ == "__main__":
    main()
