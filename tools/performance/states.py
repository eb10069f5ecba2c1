"""Long runs and large files: what must not grow, and what should be as fast as bare mlx."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import psutil

from conformance.benchmarks.pairs import Spread, exponent
from conformance.benchmarks.sizes import MODELS
from reference_impl import dialect_class
from reference_impl import files as prompt_cache
from reference_impl.files.content import Content, SlotEntry
from tools.performance.figures import Figure, least, paired

MASK_EVERY = 100
LAYOUT = "mlx-lm-0.32"


def advancing(steps: int) -> Iterator[Figure]:
    """Target 5: tokens one by one, with a mask now and then."""
    cache = dialect_class("mlx-lm-0.32")(2, [0, 3, 5, 7])
    cache.prepare(lengths=[9, 9, 9, 9])
    process = psutil.Process()
    for step in range(steps // 5):  # the first ones are slower: threads and memory are new
        cache.advance(1)
        if step % MASK_EVERY == 0:
            mx.eval(cache.make_mask(64))
    block = steps // 10
    counts, totals = [], []
    before = process.memory_info().rss
    held = mx.get_active_memory()
    started = time.process_time()  # what others do on the machine is no growth of ours
    for step in range(1, steps + 1):
        cache.advance(1)
        if step % MASK_EVERY == 0:
            mx.eval(cache.make_mask(64))
        if step % block == 0:
            counts.append(float(step))
            totals.append(time.process_time() - started)
    grown = (process.memory_info().rss - before) / 1e6
    power = exponent(counts, totals) or 0.0
    yield Figure(f"exponent of the CPU time for {steps:,} steps", f"{power:.3f}", "1.0 \u00b1 0.05",
                 abs(power - 1) <= 0.05)  # fmt: skip
    yield Figure("resident memory grown meanwhile", f"{grown:.2f} MB", "flat", grown < 1)
    yield Figure("arrays grown meanwhile", f"{mx.get_active_memory() - held} bytes", "flat",
                 mx.get_active_memory() - held < 4096)  # fmt: skip
    left = pending(cache.lengths) + pending(cache.left_padding)
    yield Figure("operations pending at the end", str(left), "none", left == 0)


def pending(array: Any) -> int:
    """Operations that are still to be carried out for an array."""
    drawn = io.StringIO()
    mx.export_to_dot(drawn, array)
    return drawn.getvalue().count("shape=rectangle")


def files(layers: int, batch: int, rounds: int) -> Iterator[Figure]:
    """Target 6: a list of caches of Qwen3-Next, saved and loaded, against the bare functions."""
    entries = []
    for layer in range(layers):
        slots = tuple(
            mx.full((batch, *slot.row), layer + 1, getattr(mx, slot.dtype))
            for slot in MODELS["qwen3-next"]
        )
        mx.eval(slots)
        entries.append(SlotEntry("ArraysCache", slots, mx.array([0] * batch), None))
    content = Content(tuple(entries), {"model": "qwen3-next"})
    flat = prompt_cache.encode(content, LAYOUT).flat
    size = sum(tensor.nbytes for tensor in flat.tensors.values()) / 1e9
    with tempfile.TemporaryDirectory() as folder:
        ours, bare = (str(Path(folder) / f"{name}.safetensors") for name in ("ours", "bare"))

        def load() -> None:
            found = prompt_cache.load(ours).content.entries
            mx.eval([entry.slots for entry in found if isinstance(entry, SlotEntry)])

        saved, _, _ = paired(
            lambda: prompt_cache.save(ours, content, LAYOUT),
            lambda: mx.save_safetensors(bare, dict(flat.tensors), dict(flat.metadata)),
            rounds,
        )
        yield least(f"saving {size:.2f} GB, speed of mx.save_safetensors", _inverse(saved), 0.9)
        loaded, _, _ = paired(load, lambda: mx.eval(mx.load(bare)), rounds)
        yield least(f"loading {size:.2f} GB, speed of mx.load", _inverse(loaded), 0.9)


def _inverse(ratio: Spread) -> Spread:
    return Spread(1 / ratio.median, 1 / ratio.high, 1 / ratio.low)
