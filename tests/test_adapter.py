"""The stdio adapter: alone but for mlx, exact in every dtype, honest about what it can serve."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import pytest
from support import tiny

from conformance import tensor
from conformance.calls import Call, Refused, Returned
from conformance.kinds import KINDS
from conformance.tensor import DTYPES, ITEM_SIZE, Tensor
from conformance.transport import adapter
from conformance.transport.adapter import Adapter
from conformance.transport.backend import BackendCrashed
from conformance.transport.process import ProcessBackend

FILE = Path(adapter.__file__)
SUPPORT = Path(__file__).parent / "support"
WHO = {"name": "x", "version": "1", "language": "python"}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SUPPORT)}
ONLY_MLX = """
import runpy, sys
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "mlx", "tiny"}:
            raise ImportError(f"{name} is neither standard library nor mlx")
sys.meta_path.insert(0, Guard())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def made(cls, *sizes, **options):
    """An adapter around a class, with caches a, b, ... of these sizes."""
    one = Adapter(cls, WHO, **options)
    for name, size in zip("abc", sizes, strict=False):
        one.perform("new", {"cache": name, "size": size})
    return one


def command(cls: str) -> list[str]:
    return [sys.executable, str(FILE), "--class", f"tiny:{cls}"]


@pytest.fixture
def on_path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))


# --------------------------------------------------------------------------- the file itself


def test_it_needs_nothing_but_the_standard_library_and_mlx():
    requests = [{"id": 1, "method": "new", "params": {"cache": "c", "size": 1}},
                {"id": 2, "method": "snapshot", "params": {"cache": "c"}}]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", ONLY_MLX, str(FILE), "--class", "tiny:Tiny"],
        input=json.dumps(requests), capture_output=True, text=True, env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)
    assert (first["result"], second["result"]["slot_count"]) == (None, 1)
    assert "tiny is being imported" in done.stderr


def test_the_guard_of_that_test_guards():
    done = subprocess.run(
        [sys.executable, "-c", ONLY_MLX, str(FILE), "--class", "msgspec:Struct"],
        input="", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "msgspec is neither standard library nor mlx" in done.stderr


def test_it_is_python_3_9():
    ast.parse(FILE.read_text(), feature_version=(3, 9))


# --------------------------------------------------------------------------- tensors


def sample(dtype: str, count: int) -> bytes:
    """Bits that include NaN payloads, negative zero and infinities where there are such."""
    odd = {"float16": "0080 017e 007c ff7f", "bfloat16": "0080 c17f 807f ffff",
           "float32": "00000080 0100c07f 0000807f ef00c0ff",
           "float64": f"{'00' * 7}80 01{'00' * 5}f87f {'00' * 6}f07f"}  # fmt: skip
    raw = bytes.fromhex(odd.get(dtype, ""))
    size = count * ITEM_SIZE[dtype]
    return bytes(i % 2 for i in range(size)) if dtype == "bool" else (raw * size)[:size] or bytes(
        (7 * i + 129) % 256 for i in range(size))  # fmt: skip


@pytest.mark.parametrize("shape", [[], [1], [4], [2, 3], [1, 0, 2], [0], [2, 1, 2, 2]])
@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_survive_both_directions(dtype, shape):
    size = Tensor(dtype, tuple(shape), b"").size
    wire = Tensor(dtype, tuple(shape), sample(dtype, size)).to_wire()
    array = adapter.decode(wire)
    assert (str(array.dtype), array.shape) == (f"mlx.core.{dtype}", tuple(shape))
    assert adapter.encode(array) == wire
    assert tensor.from_wire(adapter.encode(array)) == tensor.from_wire(wire)


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_are_those_that_the_suite_means(dtype):
    values = [0, 1, 1, 0] if dtype == "bool" else [0, 1, 100, 3]
    array = adapter.decode(tensor.tensor(dtype, [2, 2], values).to_wire())
    assert array.tolist() == [values[:2], values[2:]]


def test_arrays_that_are_not_contiguous():
    whole = mx.arange(24, dtype=mx.int16).reshape(2, 3, 4)
    repeated = mx.broadcast_to(whole[0, 0], (3, 4))
    for view in (whole.transpose(2, 0, 1), whole[:, ::2, 1:3], repeated):
        assert tensor.from_wire(adapter.encode(view)).elements() == view.reshape(-1).tolist()


@pytest.mark.parametrize(
    "change",
    [{"dtype": "float"}, {"dtype": "array"}, {"dtype": 5}, {"data": "0"}, {"data": "zz"},
     {"data": None}, {"data": "00"}, {"data": ""}, {"shape": [3]}, {"shape": "x"}, {"shape": None},
     {"dtype": "int64"}],
)  # fmt: skip
def test_what_is_no_tensor_is_the_request_s_fault(change):
    with pytest.raises(adapter.InvalidArguments, match="not a tensor"):
        adapter.decode(tensor.tensor("int16", [2], [1, 2]).to_wire() | change)
    with pytest.raises(adapter.InvalidArguments, match="not a tensor"):
        adapter.decode({k: v for k, v in tensor.tensor("int8", [], [1]).to_wire().items()
                        if k not in change})  # fmt: skip


def test_other_things_among_tensors_go_by_their_type():
    one = mx.array([1], mx.int8)
    wire = {"dtype": "int8", "shape": [1], "data": "01"}
    assert adapter.encode((None, [one, None], 3, "x")) == [
        None, [wire, None], {"foreign": "int"}, {"foreign": "str"},
    ]  # fmt: skip


# --------------------------------------------------------------------------- capabilities


def test_every_operation_of_the_protocol_has_a_method_and_no_more():
    methods = {name[3:] for name in dir(Adapter) if name.startswith("op_")}
    own = {op for kind in KINDS if not kind.prefixed for op in kind.steps}
    assert methods | set(adapter.FILE_OPERATIONS) == {*own, "initialize", "reset"}
    assert set(adapter.NEEDS) <= methods


@pytest.mark.parametrize("op", sorted(adapter.NEEDS))
def test_an_operation_is_declared_exactly_when_the_class_has_it(op):
    bare = type("Bare", (), {})
    able = type("Able", (), {adapter.NEEDS[op]: lambda self: None})
    assert op not in Adapter(bare, WHO).capabilities()
    assert op in Adapter(able, WHO).capabilities()
    with pytest.raises(adapter.UnknownOperation, match=f"no operation {op}"):
        Adapter(bare, WHO).perform(op, {})


def test_update_goes_by_either_name():
    assert "update" in Adapter(type("A", (), {"update": None}), WHO).capabilities()


def test_the_handshake():
    shake = made(tiny.Tiny, dialect="d").perform("initialize", {"protocol": 1, "client": {}})
    assert (shake["protocol"], shake["implementation"], shake["dialect"]) == (
        1, {**WHO, "mlx": mx.__version__, "device": "cpu"}, "d"
    )  # fmt: skip
    assert {"new", "get", "set", "state", "set_state", "snapshot"} <= set(shake["capabilities"])
    assert not {"meta_state", "filter", "initialize", "reset"} & set(shake["capabilities"])
    with pytest.raises(adapter.InvalidArguments, match="protocol 1 is spoken here, not 2"):
        made(tiny.Tiny).perform("initialize", {"protocol": 2})


# --------------------------------------------------------------------------- operations

ONE = tensor.tensor("int8", [1], [1]).to_wire()
TWO = tensor.tensor("int8", [1], [2]).to_wire()


@pytest.mark.parametrize(
    ("op", "params"),
    [("get", {"cache": "z", "slot": 0}), ("copy", {"cache": "z", "into": "y"}),
     ("held", {"name": "z"})],
)  # fmt: skip
def test_unknown_handles(op, params):
    with pytest.raises(adapter.UnknownCache, match="'z'"):
        made(tiny.Tiny, 1).perform(op, params)


def test_reset_forgets_caches_and_what_was_held():
    one = made(tiny.Tiny, 1)
    one.perform("hold", {"cache": "a", "what": "state", "name": "h"})
    one.perform("reset", {})
    for op, params in (("state", {"cache": "a"}), ("held", {"name": "h"})):
        with pytest.raises(adapter.UnknownCache):
            one.perform(op, params)


@pytest.mark.parametrize(
    "params", [{}, {"cache": "a"}, {"cache": "a", "slot": 0, "slots": 1}, {"slot": 0}]
)
def test_wrong_arguments(params):
    with pytest.raises(adapter.InvalidArguments, match="get: "):
        made(tiny.Tiny, 1).perform("get", params)


def test_hold_keeps_the_live_object_and_write_in_place_writes_through_it():
    one = made(tiny.Tiny, 2)
    one.perform("set", {"cache": "a", "slot": 0, "value": ONE})
    for what, name in (("state", "s"), ("slot", "t"), ("lengths", "l")):
        one.perform("hold", {"cache": "a", "what": what, "name": name})
    one.perform("write_in_place", {"cache": "a", "slot": 0, "value": TWO})
    one.perform("set", {"cache": "a", "slot": 1, "value": ONE})
    assert one.perform("held", {"name": "s"}) == [TWO, ONE]
    assert one.perform("held", {"name": "t"}) == TWO
    assert one.perform("held", {"name": "l"}) is None


def test_a_class_without_copy_is_copied_deeply():
    one = made(tiny.Tiny, 1)
    one.perform("set", {"cache": "a", "slot": 0, "value": ONE})
    one.perform("copy", {"cache": "a", "into": "b"})
    one.perform("write_in_place", {"cache": "a", "slot": 0, "value": TWO})
    assert one.perform("get", {"cache": "b", "slot": 0}) == ONE


@pytest.mark.parametrize("cls", [tiny.Restoring, tiny.RestoringBoth])
def test_restoring_goes_by_the_arguments_of_from_state(cls):
    one = made(cls, 2)
    one.perform("set", {"cache": "a", "slot": 1, "value": ONE})
    one.perform("round_trip", {"cache": "a", "into": "b"})
    restored = {"cache": "c", "class_name": "X", "state": [None, ONE], "meta_state": ["m"]}
    one.perform("from_state", restored)
    one.perform("set", {"cache": "a", "slot": 1, "value": None})  # shared with neither
    for handle in "bc":
        assert one.perform("snapshot", {"cache": handle})["slots"] == {"1": ONE}
    if cls is tiny.RestoringBoth:
        assert one.perform("meta_state", {"cache": "b"}) == "meta"
        assert one.perform("meta_state", {"cache": "c"}) == ["m"]


def test_the_owner_of_the_class_may_restore_in_another_way():
    asked = []
    one = made(tiny.Restoring, 1, restore=lambda *given: asked.append(given) or tiny.Tiny(3))
    one.perform("round_trip", {"cache": "a", "into": "b"})
    assert asked == [("Restoring", [None], "")]
    assert one.perform("snapshot", {"cache": "b"})["slot_count"] == 3


@pytest.mark.parametrize(
    ("result", "wire"),
    [
        (True, True), (3, 3), (2**70, 2**70), ("x", "x"), (1.5, 1.5), (None, None),
        (("3", ("4",)), ["3", ["4"]]), ({1: (2,)}, {"1": [2]}), (b"x", {"foreign": "bytes"}),
        (float("nan"), {"foreign": "float nan"}), (float("-inf"), {"foreign": "float -inf"}),
        (mx.array(2, mx.int8), {"dtype": "int8", "shape": [], "data": "02"}),
        (object(), {"foreign": "object"}),
    ],
)  # fmt: skip
def test_every_result_has_a_place_on_the_wire(monkeypatch, result, wire):
    monkeypatch.setattr(tiny.Odd, "result", result)
    assert json.loads(json.dumps(made(tiny.Odd, 1).perform("batch_size", {"cache": "a"}))) == wire


@pytest.mark.parametrize(
    ("fields", "data"),
    [
        ({}, {"kind": "Failure", "payload": {}}),
        ({"kind": "K", "payload": {"n": (1, 2)}}, {"kind": "K", "payload": {"n": [1, 2]}}),
        ({"kind": 3, "payload": "text"}, {"kind": "Failure", "payload": {}}),
        ({"payload": {"o": b""}}, {"kind": "Failure", "payload": {"o": {"foreign": "bytes"}}}),
    ],
)
def test_errors_go_with_kind_and_payload(monkeypatch, fields, data):
    error = tiny.Failure("why")
    vars(error).update(fields)
    monkeypatch.setattr(tiny.Odd, "error", error)
    request = {"id": 5, "method": "batch_size", "params": {"cache": "a"}}
    reply = json.loads(json.dumps(adapter.answer(made(tiny.Odd, 1).perform, request)))
    error = {"code": 1, "message": "why", "data": data}
    assert reply == {"jsonrpc": "2.0", "id": 5, "error": error}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"id": 1, "method": "get", "params": {"cache": "z", "slot": 0}}, 2),
        ({"id": 1, "method": "nothing"}, -32601), ({"id": 1, "method": "filter"}, -32601),
        ({"id": 1, "method": "get", "params": {}}, -32602),
        ({"id": 1, "method": "get", "params": [1]}, -32602),
        ({"id": 1}, -32602), ({"id": 1, "method": 5}, -32602), ([], -32602), (5, -32602),
    ],
)  # fmt: skip
def test_the_codes_of_other_errors(request_, code):
    reply = adapter.answer(made(tiny.Tiny, 1).perform, request_)
    assert (reply["error"]["code"], "data" in reply["error"]) == (code, False)
    assert reply["id"] == (request_["id"] if isinstance(request_, dict) else None)


# --------------------------------------------------------------------------- over stdio


def test_what_the_implementation_prints_goes_to_stderr(on_path):
    with ProcessBackend(command("Noisy")) as backend:
        assert backend.call("new", cache="c", size=1) is None
        assert backend.call("get", cache="c", slot=0) is None
        for said in ("tiny is being imported", "from Python", "from C", "from a child"):
            assert said in backend.channel.on_stderr()


def test_a_trap_ends_the_process_as_it_would(on_path):
    with ProcessBackend(command("Trapping")) as backend:
        backend.call("new", cache="c", size=1)
        with pytest.raises(BackendCrashed, match="SIGILL") as crash:
            backend.call("batch_size", cache="c")
    assert crash.value.signal == signal.SIGILL
    assert crash.value.stderr.endswith("trap: bounds")


def test_a_batch_is_answered_in_order_and_a_refusal_does_not_stop_it(on_path):
    calls = [Call("new", {"cache": "c", "size": 1}), Call("get", {"cache": "c", "slot": 5}),
             Call("get", {"cache": "c", "slot": 0})]  # fmt: skip
    with ProcessBackend(command("Tiny")) as backend:
        first, second, third = backend.call_all(calls, 60)
    assert (first, third) == (Returned(None), Returned(None))
    assert isinstance(second, Refused)
    assert second.kind == "IndexError"


def test_lines_that_are_no_requests_and_the_end_of_input(on_path):
    lines = ["nonsense", "[" * 100_000, "5", '{"id": 3, "method": "reset"}', "\u00e9"]
    done = subprocess.run(command("Tiny"), input="\n".join(lines), capture_output=True, text=True,
                          check=False)  # fmt: skip
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    codes = [reply.get("error", {}).get("code") for reply in replies]
    assert (codes, done.returncode) == ([-32700, -32700, -32602, None, -32700], 0)


@pytest.mark.parametrize(("message", "answers"), [
    ('{"id": 1, "method": "shutdown"}\n{"id": 2, "method": "reset"}', 1),
    ('[{"id": 1, "method": "reset"}, {"id": 2, "method": "shutdown"}]', 2),
])  # fmt: skip
def test_shutdown_ends_it(on_path, message, answers):
    done = subprocess.run(command("Tiny"), input=message, capture_output=True, text=True,
                          check=False)  # fmt: skip
    (reply,) = map(json.loads, done.stdout.splitlines())
    assert [r["result"] for r in ([reply] if answers == 1 else reply)] == [None] * answers
    assert done.returncode == 0
