"""`--device`: a backend that the suite starts computes there, or the run ends with one line."""

from __future__ import annotations

import mlx.core as mx
import msgspec
import pytest

from conformance import invocation
from conformance.engine.execute import execute
from conformance.engine.plan import plan
from conformance.engine.runner import Terms
from conformance.fixtures.load import load_suite
from conformance.transport import connect, served
from conformance.transport.backend import BackendHung, BackendUnusable
from conformance.transport.causes import Unusable
from conformance.transport.python_adapters import compute_on
from conformance.transport.restarting import RestartingBackend

DIALECT = "mlx-lm-0.32"
SUITE = load_suite()
CASE = SUITE.cases["index.get.written"]
SPOKEN = {
    "protocol": 1,
    "implementation": {"name": "far", "version": "1", "language": "go"},
    "dialect": DIALECT,
    "capabilities": ["new"],
}


@pytest.fixture(autouse=True)
def same_device_after():
    before = mx.default_device()
    yield
    mx.set_default_device(before)


def _command(tmp_path, device):
    handshake = {**SPOKEN, "implementation": {**SPOKEN["implementation"], "device": device}}
    reply = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "result": handshake}).decode()
    script = tmp_path / "port.sh"
    script.write_text(f"read line\necho '{reply}'\nread line\n")
    return f"cmd:sh {script}"


@pytest.mark.parametrize("spec", ["reference", "py:reference_impl:ArraysCache", "served"])
def test_what_the_suite_starts_computes_there(spec):
    if spec == "served":
        spec = served("reference", DIALECT, "cpu")
    with connect(spec, DIALECT, device="cpu") as backend:
        assert backend.handshake.implementation.device == "cpu"


@pytest.mark.skipif(mx.is_available(mx.gpu), reason="this machine has a GPU")
@pytest.mark.parametrize("spec", ["reference", "py:reference_impl:ArraysCache", "mutant:x"])
def test_a_device_that_is_not_there_ends_the_run(spec):
    with pytest.raises(BackendUnusable) as raised:
        connect(spec, DIALECT, device="gpu")
    assert raised.value.cause is Unusable.OTHER_DEVICE
    assert str(raised.value).startswith("--device gpu: MLX has none here")


@pytest.mark.parametrize(
    ("device", "said"), [("gpu", "computes on gpu"), ("", "does not say where it computes")]
)
def test_a_program_of_ones_own_has_to_compute_there_itself(tmp_path, device, said):
    spec = _command(tmp_path, device)
    with connect(spec, DIALECT) as backend:
        assert backend.handshake.implementation.name == "far"
    with pytest.raises(BackendUnusable, match=said) as raised:
        connect(spec, DIALECT, device="cpu")
    assert raised.value.cause is Unusable.OTHER_DEVICE
    assert "leave --device out" in str(raised.value)


def test_the_device_stands_in_the_command_that_reproduces():
    assert Terms(device="gpu").options() == ("--device", "gpu")
    assert invocation.command("run", *Terms().options()).endswith("run")


def test_no_device_changes_nothing():
    before = mx.default_device()
    compute_on("")
    assert mx.default_device() == before


def test_a_device_may_have_a_name(tmp_path):
    with connect(_command(tmp_path, "gpu NVIDIA H200"), DIALECT, device="gpu") as backend:
        assert backend.handshake.implementation.computes_on == "gpu"


@pytest.mark.parametrize(
    ("device", "patient"), [("", 1), ("cpu", 1), ("gpu", 6), ("gpu NVIDIA H200", 6)]
)
def test_a_gpu_has_time_to_compile_its_kernels(tmp_path, device, patient):
    asked = []
    with connect(_command(tmp_path, device), DIALECT) as backend:

        def call_all(calls, seconds):
            asked.append(seconds)
            raise BackendHung("x")

        backend.call_all = call_all
        session = RestartingBackend(lambda: backend)
        execute(plan(CASE, SUITE.dialects[DIALECT], SUITE.tensors_of(CASE)), session)
    assert asked[0] == pytest.approx(10 * patient, abs=1)
