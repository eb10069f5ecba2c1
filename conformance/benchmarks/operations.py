"""What is timed: every operation at the sizes of `sizes.py`, as data."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.benchmarks import tokens
from conformance.benchmarks.benchmark import Benchmark, Limit
from conformance.benchmarks.sizes import BATCHES, MASKS, MODELS, SLOT_COUNTS, row_bytes
from conformance.calls import Call

MEGABYTE = 1 << 20
_CHANGES_BATCH = ("filter", "extend")
_TINY = {"dtype": "float32", "shape": [1, 1]}


def benchmarks() -> list[Benchmark]:
    """All of them, operation by operation, small sizes first."""
    found = [*_on_states(), *_lookups(), *_rows(), *_masks(), *_metadata(), *tokens.benchmarks()]
    order = list(dict.fromkeys(each.op for each in found))
    return sorted(found, key=lambda each: (order.index(each.op), each.size, each.name))


def _fill(handle: str, model: str, batch: int) -> Call:
    return Call("fill", {"cache": handle, "slots": [slot.shaped(batch) for slot in MODELS[model]]})


def _on_states() -> Iterator[Benchmark]:
    """Operations that move whole states, and how many bytes they have to move."""
    for model in MODELS:
        row = row_bytes(model)
        for batch in BATCHES:
            one, other = _fill("c", model, batch), _fill("d", model, batch)
            singles = [f"s{number}" for number in range(batch)]
            kept = list(range(1, batch)) or [0]
            for op, setup, arguments, moved in (
                ("filter", [one], {"cache": "c", "batch_indices": kept}, row * len(kept)),
                ("extend", [one, other], {"cache": "c", "other": "d"}, 2 * row * batch),
                ("extract", [one], {"cache": "c", "index": batch // 2, "into": "d"}, row),
                ("merge", [_fill(single, model, 1) for single in singles],
                 {"caches": singles, "into": "d"}, row * batch),
                ("copy", [one], {"cache": "c", "into": "d"}, row * batch),
            ):  # fmt: skip
                yield Benchmark(
                    op=op, name=f"{model}-b{batch}", size=row * batch, unit="bytes",
                    setup=tuple(setup), arguments=arguments, limit=Limit("copy", moved),
                    repeatable=op not in _CHANGES_BATCH, model=model,
                )  # fmt: skip


def _lookups() -> Iterator[Benchmark]:
    """Operations that cost the same whatever the tensors are; every decoding step pays for them."""
    for model in MODELS:
        count = len(MODELS[model])
        one = (_fill("c", model, 1),)
        for op, arguments in (
            ("new", {"size": count}),
            ("get", {"cache": "c", "slot": count - 1}),
            ("set", {"cache": "c", "slot": count - 1, "value": _TINY}),
            ("batch_size", {"cache": "c"}),
            ("empty", {"cache": "c"}),
            ("nbytes", {"cache": "c"}),
            ("state", {"cache": "c"}),
        ):
            yield Benchmark(op, model, count, "slots", one, arguments)


def _rows() -> Iterator[Benchmark]:
    """Left padding and lengths, counted down with every chunk."""
    for batch in BATCHES:
        rows = (
            Call("new", {"cache": "c", "size": 2, "left_padding": [1] * batch}),
            Call("prepare", {"cache": "c", "lengths": [9] * batch}),
        )
        lengths = {"cache": "c", "lengths": [9] * batch}
        yield Benchmark("prepare", f"b{batch}", batch, "rows", rows[:1], lengths)
        yield Benchmark("advance", f"b{batch}", batch, "rows", rows, {"cache": "c", "n": 1})


def _masks() -> Iterator[Benchmark]:
    for batch, n in MASKS:
        padding = [row % (n + 1) for row in range(1, batch + 1)]
        lengths = [n - row % (n + 1) for row in range(1, batch + 1)]
        padded = Call("new", {"cache": "c", "size": 2, "left_padding": padding})
        prepared = Call("prepare", {"cache": "c", "lengths": lengths})
        for name, setup, conditions in (
            ("left", (padded,), ("left_padding",)),
            ("right", (Call("new", {"cache": "c", "size": 2}), prepared), ("lengths",)),
        ):
            yield Benchmark(
                "make_mask", f"{name}-{batch}x{n}", batch * n, "positions", setup,
                {"cache": "c", "n": n}, Limit("mask", shape=(batch, n), conditions=conditions),
            )  # fmt: skip


def _metadata() -> Iterator[Benchmark]:
    for count in SLOT_COUNTS:
        full = (Call("fill", {"cache": "c", "slots": [_TINY], "times": count}),)
        text = [str(count), ",".join(map(str, range(count)))]
        limit = Limit("pass", len(text[1]))
        name = f"{count}-slots"
        yield Benchmark("meta_state", name, count, "slots", full, {"cache": "c"}, limit)
        yield Benchmark(
            "set_meta_state", name, count, "slots", full, {"cache": "c", "meta_state": text}, limit
        )
        arguments = {"cache": "c", "into": "d"}
        yield Benchmark("round_trip", name, count, "slots", full, arguments, limit)
