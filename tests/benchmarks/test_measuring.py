"""The backend's side: what `fill` makes, what `measure` times, and what it leaves as it was."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conformance.benchmarks import timing
from conformance.benchmarks.operations import benchmarks
from conformance.benchmarks.timing import NotTimed
from conformance.transport import connect
from conformance.transport.backend import OperationRefused, ProtocolViolation

SMALL = {each.op: each for each in reversed(benchmarks())}  # op -> its smallest benchmark
LM = ("reference", "mlx-lm-0.32")
RS = ("reference", "mlxrs-0.1")
TRANSPORT = Path(timing.__file__).parent.parent / "transport"


def watch(spec: str, op: str, dialect: str = "mlx-lm-0.32", memory: bool = False):
    with connect(spec, dialect) as backend:
        ready = timing.prepare(backend, SMALL[op], memory)
        seconds = min(ready.time() for _ in range(5))
    return seconds, ready.peak_bytes


def named(identity: str):
    return next(each for each in benchmarks() if each.id == identity)


def test_every_benchmark_has_a_name_of_its_own_and_every_operation_several_sizes():
    found = benchmarks()
    assert len({each.id for each in found}) == len(found) > 100
    of_slots = [op for op in SMALL if "." not in op]
    sizes = {op: {each.size for each in found if each.op == op} for op in of_slots}
    assert min(map(len, sizes.values())) >= 4, sizes
    assert max(each.size for each in found if each.unit == "slots") == 1 << 20
    assert max(each.size for each in found if each.unit == "positions") == 128 * 65536


@pytest.mark.parametrize("op", SMALL)
def test_the_smallest_of_each_operation_is_timed(op):
    for spec, dialect in (LM, RS):
        with connect(spec, dialect) as backend:
            if op in backend.handshake.capabilities:
                ready = timing.prepare(backend, SMALL[op], memory=True)
                assert 0 < ready.time(2) < 10
                assert ready.peak_bytes >= 0
                return
    pytest.fail(f"no dialect has {op}")


def test_fill_makes_the_slots_that_are_listed_as_often_as_asked():
    with connect(*RS) as backend:
        slots = [{"dtype": "bfloat16", "shape": [2, 3]}, {"dtype": "float32", "shape": [2, 1]}]
        backend.call("fill", cache="c", slots=slots, times=3)
        got = backend.call("snapshot", cache="c")
        assert got["slot_count"] == 6
        shapes = [(t.dtype, t.shape) for t in got["slots"].values()]
        assert shapes == [("bfloat16", (2, 3)), ("float32", (2, 1))] * 3
        assert all(any(tensor.data) for tensor in got["slots"].values()), "memory never written"


@pytest.mark.parametrize("op", [op for op in SMALL if "." in op])
def test_measuring_leaves_a_cache_of_keys_and_values_as_it_was(op):
    with connect(*LM) as backend:
        ready = timing.prepare(backend, SMALL[op])
        handle = ready.benchmark.arguments.get("cache", "s0")
        kind = ready.benchmark.setup[0].op.partition(".")[0]
        before = backend.call(f"{kind}.offset", cache=handle)
        ready.time(2 if ready.benchmark.repeatable else 1)
        assert backend.call(f"{kind}.offset", cache=handle) == before


@pytest.mark.parametrize("op", ["filter", "extend", "advance", "set", "prepare", "set_meta_state"])
def test_measuring_leaves_the_cache_as_it_was(op):
    spec, dialect = RS if op == "set_meta_state" else LM
    benchmark = named("filter-lfm2-b8") if op == "filter" else SMALL[op]
    with connect(spec, dialect) as backend:
        ready = timing.prepare(backend, benchmark)
        before = backend.call("snapshot", cache="c")
        ready.time(1 if op in ("filter", "extend") else 3)
        assert backend.call("snapshot", cache="c") == before


def test_a_slow_operation_shows_as_slow():
    from tests.support import slow

    slow_seconds, _ = watch("py:tests.support.slow:Slow", "extract")
    quick_seconds, _ = watch("py:tests.support.slow:Quick", "extract")
    assert slow_seconds >= slow.NAP > quick_seconds


def test_what_is_left_to_be_computed_is_in_the_time_and_in_the_memory():
    lazy, lazy_peak = watch("py:tests.support.slow:Lazy", "make_mask", memory=True)
    quick, quick_peak = watch("py:tests.support.slow:Quick", "make_mask", memory=True)
    assert lazy > 3 * quick
    assert lazy_peak > 900 * 900 * 4 > quick_peak


def test_memory_counts_arrays_and_python_objects():
    with connect(*LM) as backend:
        merged = timing.prepare(backend, named("merge-lfm2-b8"), memory=True)
    assert 8 * 8192 <= merged.peak_bytes < 3 * 8 * 8192
    with connect(*RS) as backend:
        text = timing.prepare(backend, named("meta_state-32768-slots"), memory=True)
    assert text.peak_bytes > 32768 * 5


def test_a_refused_operation_has_no_time():
    with (
        connect("py:tests.support.slow:Refuses", "mlx-lm-0.32") as backend,
        pytest.raises(NotTimed, match="refuses it: ValueError: not today"),
    ):
        timing.prepare(backend, SMALL["merge"])


def test_an_operation_that_is_not_declared_has_no_time():
    with connect(*RS) as backend:
        with pytest.raises(NotTimed, match="declares no merge"):
            timing.prepare(backend, SMALL["merge"])
        with pytest.raises(ProtocolViolation, match="merge"):
            backend.call("measure", operation="merge", arguments={"caches": [], "into": "d"})


def test_a_handle_or_an_argument_that_is_wrong_is_no_time():
    with connect(*LM) as backend:
        backend.call("new", cache="c", size=1)
        for operation, arguments in (("get", {"cache": "c"}), ("reset", {}), ("held", {})):
            with pytest.raises(ProtocolViolation):
                backend.call("measure", operation=operation, arguments=arguments)
        with pytest.raises((ProtocolViolation, OperationRefused)):
            backend.call("measure", operation="get", arguments={"cache": "nobody", "slot": 0})


def test_a_backend_that_gives_no_times_is_found_out():
    class Liar:
        handshake = type("H", (), {"capabilities": [*SMALL, "fill", "measure", "new", "prepare"]})

        def call_all(self, calls, seconds):
            return []

        def call(self, op, **arguments):
            return {"seconds": [0], "peak_bytes": None}

    with pytest.raises(NotTimed, match=r"measure gave \[0\]"):
        timing.prepare(Liar(), SMALL["get"])


def test_a_process_times_on_its_own_side():
    command = f"cmd:{sys.executable} -m conformance serve --backend py:tests.support.slow:Slow"
    with connect(command, "mlx-lm-0.32") as backend:
        ready = timing.prepare(backend, SMALL["get"])
        many = min(ready.time(1000) for _ in range(5))
        assert many < min(_there_and_back(backend) for _ in range(5))


def _there_and_back(backend):
    started = time.perf_counter()
    backend.call("class_name", cache="c")
    return time.perf_counter() - started


def test_the_script_needs_nothing_of_the_suite(tmp_path):
    for name in ("adapter.py", "measuring.py"):
        (tmp_path / name).write_text((TRANSPORT / name).read_text())
    (tmp_path / "mine.py").write_text(
        "class ArraysCache:\n"
        "    state = None\n"
        "    def __init__(self, size, left_padding=None):\n"
        "        self.cache, self.left_padding, self.lengths = [None] * size, None, None\n"
        "    def __getitem__(self, index):\n        return self.cache[index]\n"
        "    def __setitem__(self, index, value):\n        self.cache[index] = value\n"
    )
    fill = {"cache": "c", "slots": [{"dtype": "float32", "shape": [1]}]}
    measure = {"operation": "get", "arguments": {"cache": "c", "slot": 0}, "times": 3}
    lines = [
        {"jsonrpc": "2.0", "id": n, "method": method, "params": params}
        for n, (method, params) in enumerate([("fill", fill), ("measure", measure)])
    ]
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import sys; sys.path += sys.argv[1:3]; sys.argv[1:] = "
         "['--class', 'mine:ArraysCache']; import runpy; runpy.run_path('measuring.py', "
         "run_name='__main__')", str(tmp_path), _site_of("mlx")],
        input="".join(json.dumps(line) + "\n" for line in lines),
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers[1]["result"]["seconds"]) == 3, answers


def _site_of(package: str) -> str:
    import importlib.util

    spec = importlib.util.find_spec(package)
    return str(Path(next(iter(spec.submodule_search_locations))).parent)
