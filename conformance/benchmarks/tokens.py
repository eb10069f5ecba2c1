"""Caches of keys and values: a token while a model answers, a chunk of a prompt, and batches.

The sizes are one layer of real models. A cache that has just grown has room for 255 tokens: a
token is timed there, so that what its next growth costs does not fall on one timing of many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.benchmarks.benchmark import Benchmark, Limit
from conformance.benchmarks.sizes import GEMMA, GPT_OSS, LLAMA, Attention
from conformance.calls import Call

UPDATE = "update_and_fetch"
PROMPTS = (1025, 4097, 16385)  # tokens that are there when one more comes; room for 255 is left
CHUNK = 512  # tokens of a prompt at a time
ROWS = 8  # sequences of a batch
IN_BATCH = 1025  # tokens of each


def benchmarks() -> Iterator[Benchmark]:
    """All of them, kind by kind."""
    yield from _updates("kv", "llama", LLAMA, {}, PROMPTS)
    for name, layer in (("gpt-oss", GPT_OSS), ("gemma", GEMMA)):
        # Twice around: the buffer is as large as the window, and a token overwrites the oldest.
        arguments = {"max_size": layer.window, "keep": 0}
        yield from _updates("rotating", name, layer, arguments, (2 * layer.window,), settled=True)
    for bits in (4, 8):
        arguments = {"group_size": 64, "bits": bits}
        yield from _updates("quantized", f"llama-{bits}-bits", LLAMA, arguments, PROMPTS[:2])
    yield from _updates("chunked", "llama", LLAMA, {"chunk_size": 8192}, PROMPTS[:2])
    yield from _updates("concatenate", "llama", LLAMA, {}, PROMPTS[:2])
    yield from _batches("batch_kv", "kv", "llama", LLAMA, {})
    yield from _batches("batch_rotating", "rotating", "gemma", GEMMA, {"max_size": GEMMA.window})


def _updates(
    kind: str, name: str, layer: Attention, arguments: dict[str, Any], lengths: tuple[int, ...],
    settled: bool = False,
) -> Iterator[Benchmark]:  # fmt: skip
    """One more token after so many, and one more chunk after the shortest of these."""
    new = Call(f"{kind}.new", {"cache": "c", **arguments})
    for length in lengths:
        filled = [new, Call(f"{kind}.fill", {"cache": "c", **layer.tokens(length)})]
        if settled:
            filled += [Call(f"{kind}.fill", {"cache": "c", **layer.tokens(1)})]
        yield Benchmark(
            op=f"{kind}.{UPDATE}", name=f"{name}-token-after-{length}", size=layer.bytes_of(length),
            unit="bytes", setup=tuple(filled), arguments={"cache": "c", **layer.tokens(1)},
            model=name,
        )  # fmt: skip
    first = Call(f"{kind}.fill", {"cache": "c", **layer.tokens(lengths[0])})
    yield Benchmark(
        op=f"{kind}.{UPDATE}", name=f"{name}-{CHUNK}-after-{lengths[0]}",
        size=layer.bytes_of(lengths[0] + CHUNK), unit="bytes", setup=(new, first),
        arguments={"cache": "c", **layer.tokens(CHUNK)}, repeatable=False, model=name,
        limit=Limit("copy", layer.bytes_of(CHUNK)),
    )  # fmt: skip


def _batches(
    kind: str, single: str, name: str, layer: Attention, arguments: dict[str, Any]
) -> Iterator[Benchmark]:
    """A token for each row, and batches that lose, gain, give and gather rows."""
    size = layer.bytes_of(IN_BATCH, ROWS)
    padding = {"left_padding": list(range(ROWS))}
    one, other = (
        (
            Call(f"{kind}.new", {"cache": handle, **arguments, **padding}),
            Call(f"{kind}.fill", {"cache": handle, **layer.tokens(IN_BATCH, ROWS)}),
        )
        for handle in "cd"
    )
    token = {"cache": "c", **layer.tokens(1, ROWS)}
    settled = (*one, Call(f"{kind}.fill", token))
    kept = list(range(1, ROWS))
    singles = [f"s{row}" for row in range(ROWS)]
    gathered = [
        call
        for handle in singles
        for call in (
            Call(f"{single}.new", {"cache": handle, **arguments}),
            Call(f"{single}.fill", {"cache": handle, **layer.tokens(IN_BATCH)}),
        )
    ]
    of_rows = layer.bytes_of(IN_BATCH, 1)
    for op, setup, given, moved in (
        (f"{kind}.{UPDATE}", settled, token, 0),
        (f"{kind}.filter", one, {"cache": "c", "batch_indices": kept}, of_rows * len(kept)),
        (f"{kind}.extend", (*one, *other), {"cache": "c", "other": "d"}, 2 * size),
        (f"{kind}.extract", one, {"cache": "c", "index": ROWS // 2, "into": "d"}, of_rows),
        (f"{single}.merge", tuple(gathered), {"caches": singles, "into": "d"}, size),
    ):
        yield Benchmark(
            op=op, name=f"{name}-b{ROWS}-after-{IN_BATCH}", size=size, unit="bytes", setup=setup,
            arguments=given, limit=Limit("copy", moved) if moved else None,
            repeatable=not op.endswith((".filter", ".extend")), model=name,
        )  # fmt: skip
