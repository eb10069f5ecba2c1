"""Drawn contents of files: each choice of a list of choices occurs."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, seed, settings

from conformance.fixtures.load import load_suite
from conformance.kinds.files.contents import contents
from conformance.tensor import DTYPES


def test_every_dtype_is_drawn_and_no_choice_is_lost():
    dtypes: set[str] = set()

    def look(cache):
        for child in cache.get("caches", ()):
            look(child)
        for slot in cache.get("slots", ()):
            if slot is not None:
                dtypes.add(slot.get("dtype") or next(iter(slot)))

    @seed(0)
    @settings(max_examples=150, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(contents(load_suite().dialects["mlx-lm-0.32"]))
    def draw(content):
        for cache in content["caches"]:
            look(cache)

    draw()
    assert dtypes == set(DTYPES) - {"float64"}
