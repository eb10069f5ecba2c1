"""The reference against mlx-lm, against the limits, and its metadata."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import mlx.core as mx

from conformance.benchmarks.benchmark import Benchmark
from conformance.benchmarks.operations import benchmarks
from conformance.benchmarks.pairs import Row, Spread, compare, spread
from conformance.transport import connect
from reference_impl import ArraysCache, errors
from tools.performance.figures import Figure, least, most, paired, per_second

MLX_LM = "py:mlx_lm.models.cache:ArraysCache"
LARGE = 64 * 1_000_000
Tell = Callable[[str], None]


def rows(
    backend: str, against: str | None, dialect: str, chosen: Sequence[Benchmark], seconds: float,
    tell: Tell,
) -> list[Row]:  # fmt: skip
    """The comparison of every benchmark that the backend declares the operations of."""
    found = []
    with ExitStack() as stack:
        live = stack.enter_context(connect(backend, dialect))
        other = stack.enter_context(connect(against, dialect)) if against else None
        for each in chosen:
            if each.needs <= set(live.handshake.capabilities):
                tell(each.id)
                found.append(compare(each, live, other, seconds))
    return found


def chosen(most_bytes: float, ops: Sequence[str] = ()) -> list[Benchmark]:
    """Benchmarks up to a size, of some operations."""
    return [b for b in benchmarks() if b.size <= most_bytes and (not ops or b.op in ops)]


def against_mlx_lm(found: Sequence[Row]) -> Iterator[Figure]:
    """Target 1: the median over the sizes of an operation, and the worst of them."""
    for op in dict.fromkeys(row.op for row in found):
        compared = [row for row in found if row.op == op and row.ratio]
        if not compared or op == "extract":
            continue
        yield _summary(f"{op}, all sizes", compared, 1.0)
    merged = [r for r in found if r.op == "merge" and r.ratio and not r.name.endswith("-b1")]
    if merged:
        yield _summary("merge, batch 8 and more", merged, 0.5)
    for row in found:
        if row.op == "extract" and row.to_limit and row.size >= 8_000_000:
            yield most(f"extract {row.name}, of a plain copy of the row", row.to_limit, 1.2)


def _summary(what: str, compared: Sequence[Row], bound: float) -> Figure:
    medians = [row.ratio.median for row in compared if row.ratio]
    worst = max(compared, key=lambda row: row.ratio.median if row.ratio else 0)
    note = f"highest: {worst.ratio.median:.2f} at {worst.name}" if worst.ratio else ""
    # A ratio of two equal things is above 1 half of the time; 3 % is what it varies by.
    value = spread(medians)
    text = f"{value.median:.2f} ({value.low:.2f} to {value.high:.2f})"
    return Figure(what, text, f"at most {bound:g}", value.median <= bound + 0.03, note)


def bandwidth(found: Sequence[Row]) -> Iterator[Figure]:
    """Target 2: a plain copy of the same bytes / the operation."""
    for row in found:
        if row.op in ("filter", "extend", "merge", "copy") and row.size >= LARGE and row.to_limit:
            share = row.to_limit
            inverse = Spread(1 / share.median, 1 / share.high, 1 / share.low)
            note = "shares the memory until one side is written" if row.op == "copy" else ""
            yield least(f"{row.op} {row.name}, {row.size / 1e6:.0f} MB", inverse, 0.8, note=note)


def masks(found: Sequence[Row]) -> Iterator[Figure]:
    """Target 3: the rule against the bare expression."""
    for row in found:
        if row.op != "make_mask" or row.to_limit is None or row.limit is None:
            continue
        if row.name.endswith("128x65536"):
            yield most(f"make_mask {row.name} / bare expression", row.to_limit, 1.1)
        if row.name.endswith("-1x1") and row.backend.seconds and row.limit.seconds:
            beyond = (row.backend.seconds.median - row.limit.seconds.median) * 1e6
            text = f"{beyond:.2g} us"
            yield Figure(f"make_mask {row.name} beyond bare", text, "at most 5 us", beyond <= 5)


def metadata(count: int, text_bytes: int, rounds: int) -> Iterator[Figure]:
    """Target 4: writing, strict parsing, and refusing what is too long."""
    full = ArraysCache(count)
    full.cache = [mx.array([1.0])] * count
    text = ",".join(map(str, range(count)))
    assert full.meta_state == [str(count), text]
    written, _, _ = paired(
        lambda: full.meta_state, lambda: ",".join(map(str, range(count))), rounds
    )
    yield most(f"writing meta_state of {count:,} slots / join of a range", written, 1.5)

    def parse() -> None:
        ArraysCache(0).meta_state = [str(count), text]

    parsed, _, _ = paired(parse, lambda: list(map(int, text.split(","))), rounds)
    yield most(f"parsing meta_state of {count:,} slots / list of ints", parsed, 1.5)

    forged = ["1048576", "1234567," * (text_bytes // 8)]
    size = len(forged[1])

    def refuse() -> None:
        try:
            ArraysCache(0).meta_state = forged
        except errors.CapExceeded:
            return
        raise AssertionError("it was not refused")

    refuse()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        refuse()
        times.append(time.perf_counter() - started)
    yield least(
        f"refusing {size / 1e6:.0f} MB of numbers", per_second(size / 1e9, times), 1, " GB/s"
    )
    tracemalloc.start()
    refuse()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    yield Figure("memory for refusing it", f"{peak:.3f} MB", "under 1 MB", peak < 1)


def growth(found: Sequence[Row]) -> list[tuple[str, str, int]]:
    """Operation, its median ratio, and over how many sizes."""
    ops = dict.fromkeys(row.op for row in found)
    table = []
    for op in ops:
        medians = [row.ratio.median for row in found if row.op == op and row.ratio]
        if medians:
            table.append((op, f"{statistics.median(medians):.2f}", len(medians)))
    return table
