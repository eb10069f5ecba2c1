"""Functions over the caches of all layers, in the main dialects."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import pytest

from reference_impl import prompt_functions
from reference_impl.errors import OutOfRange, Trap
from tests.support.dialects import MAIN

from .helpers import cache

everywhere = pytest.mark.parametrize("dialect", MAIN)
SWIFT = [dialect for dialect in MAIN if "swift" in dialect]
PYTHON = [dialect for dialect in MAIN if dialect.startswith("mlx-lm")]


@everywhere
def test_all_layers_are_trimmed_or_none(dialect: str) -> None:
    prompt = prompt_functions(dialect)
    plain = cache(dialect, "KVCache", fed=(1, 2, 3))
    ring = cache(dialect, "RotatingKVCache", 4, 0, fed=(1, 2))
    assert prompt.trim_prompt_cache([plain, ring], 1) == 1
    assert (plain.offset, ring.offset) == (2, 1)
    full = cache(dialect, "RotatingKVCache", 2, 0, fed=(1, 2))
    assert not prompt.can_trim_prompt_cache([plain, full])
    assert prompt.trim_prompt_cache([plain, full], 1) == 0
    assert plain.offset == 2
    assert prompt.can_trim_prompt_cache([])
    assert prompt.trim_prompt_cache([], 1) == 0


def test_a_negative_number() -> None:
    for dialect in MAIN:
        plain = cache(dialect, "KVCache", fed=(1, 2))
        if dialect == "mlxrs-0.1":
            with pytest.raises(OutOfRange):
                prompt_functions(dialect).trim_prompt_cache([plain], -1)
            assert plain.offset == 2
        else:
            assert prompt_functions(dialect).trim_prompt_cache([plain], -1) == -1
            assert plain.offset == 3


@everywhere
def test_one_cache_for_each_layer(dialect: str) -> None:
    prompt = prompt_functions(dialect)
    model: Any = SimpleNamespace(layers=[0, 0]) if dialect in PYTHON else 2
    assert [type(each).__name__ for each in prompt.make_prompt_cache(model)] == ["KVCache"] * 2
    first, second = prompt.make_prompt_cache(model, 9)
    assert (type(first).__name__, first.max_size, first.keep) == ("RotatingKVCache", 9, 4)
    assert first is not second


def test_what_the_model_makes_comes_first() -> None:
    made = [object()]
    model = SimpleNamespace(layers=[0, 0], make_cache=lambda: made)
    for dialect in PYTHON:
        assert prompt_functions(dialect).make_prompt_cache(model, 9) is made


def test_counts_that_are_none() -> None:
    with pytest.raises(OutOfRange):
        prompt_functions("mlxrs-0.1").make_prompt_cache(-1)
    assert prompt_functions("mlxrs-0.1").make_prompt_cache(1, -5)[0].max_size == 0
    for dialect in SWIFT:
        with pytest.raises(Trap):
            prompt_functions(dialect).make_prompt_cache(-1)


@pytest.mark.parametrize("dialect", [*PYTHON, *SWIFT])
def test_masks(dialect: str) -> None:
    mask = prompt_functions(dialect).create_attention_mask
    assert mask(mx.zeros((1, 1, 8))) is None
    assert mask(mx.zeros((1, 3, 8))) == "causal"
    assert mask(mx.zeros((1, 3, 8)), window_size=3) == "causal"
    assert mask(mx.zeros((1, 3, 8)), window_size=2).tolist() == [
        [True, False, False], [True, True, False], [False, True, True],
    ]  # fmt: skip
    assert mask(mx.zeros((1, 2, 8)), return_array=True).tolist() == [[True, False], [True, True]]
    plain = cache(dialect, "KVCache", fed=(1, 2))
    assert mask(mx.zeros((1, 2, 8)), plain, return_array=True).shape == (2, 4)
    zero = mask(mx.zeros((1, 2, 8)), window_size=0)
    assert (zero == "causal") if dialect in PYTHON else not zero.any().item()


def test_masks_of_caches_that_have_none() -> None:
    chunked = cache("mlx-lm-0.32", "ChunkedKVCache", 4, fed=(1, 2))
    mask = prompt_functions("mlx-lm-0.32").create_attention_mask
    assert mask(mx.zeros((1, 2, 8)), chunked) == "causal"
    assert not hasattr(prompt_functions("mlxrs-0.1"), "create_attention_mask")
