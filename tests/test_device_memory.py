"""Memory on a device: what the implementation says of it is charged to the case, without a GPU."""

from __future__ import annotations

import mlx.core as mx
import pytest

from conformance.engine.execute import memory_gauge
from conformance.transport import connect
from conformance.transport.memory import DeviceGauge, Gauges, ProcessGauge

MEGABYTE = 1024 * 1024


class Told:
    """A device that holds what it is told to."""

    def __init__(self):
        self.held = self.peak = 50 * MEGABYTE

    def take(self, megabytes, keep):
        self.peak = max(self.peak, self.held + megabytes * MEGABYTE)
        self.held += megabytes * MEGABYTE if keep else 0

    def ask(self):
        said = {"held": self.held, "peak": self.peak}
        self.peak = self.held
        return said


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_taken_after_the_mark_is_charged_whether_it_is_kept_or_not(keep):
    device = Told()
    with DeviceGauge(device.ask) as gauge:
        device.take(300, keep=True)
        gauge.mark()
        device.take(200, keep)
    assert gauge.growth == 200


def test_where_nobody_can_be_asked_any_more_nothing_is():
    device = Told()
    gauge = DeviceGauge(device.ask)
    gauge.mark()
    device.take(200, keep=True)
    gauge.__exit__(RuntimeError, None, None)
    assert gauge.growth == 0
    assert device.peak == 250 * MEGABYTE, "it was not asked"


def test_arrays_of_the_real_device_are_seen_ten_times_out_of_ten():
    with connect("reference", "mlx-lm-0.32") as backend:
        for _ in range(10):
            for megabytes, least, most in ((200, 200, 240), (0.5, 0.5, 4)):
                with DeviceGauge(lambda: backend.call("memory")) as gauge:
                    array = mx.zeros([int(megabytes * MEGABYTE)], mx.uint8)
                    mx.eval(array)
                    del array
                assert least <= gauge.growth <= most


class Accelerated:
    """A backend in a process, as one on a GPU says of itself."""

    def __init__(self, computes_on, capabilities):
        who = type("Who", (), {"accelerated": computes_on != "cpu"})()
        self.handshake = type("H", (), {"implementation": who, "capabilities": capabilities})()
        self.device = Told()

    def call(self, op):
        assert op == "memory"
        return self.device.ask()


def test_a_process_on_a_gpu_is_asked_and_any_other_one_is_not():
    on_gpu = Accelerated("gpu", ["memory"])
    with memory_gauge(on_gpu, 0) as gauge:
        on_gpu.device.take(200, keep=False)
    assert isinstance(gauge, Gauges)
    assert gauge.growth == 200
    assert isinstance(memory_gauge(Accelerated("gpu", []), 0), ProcessGauge)
    assert isinstance(memory_gauge(Accelerated("cpu", ["memory"]), 0), ProcessGauge)
